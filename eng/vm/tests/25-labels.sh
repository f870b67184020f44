# berth-runtime starts containers under an AppArmor profile: the machine's kernel has AppArmor. A namespace of profiles stands in for a profile of our
# own, which would need the compiler of policies.
bundle=$home/bundle
busybox_root "$bundle/rootfs"
policy=/sys/kernel/security/apparmor/policy/namespaces/berth
mkdir "$policy"
cleanups+=("rmdir $policy")

# run PROFILE SCRIPT: runs the script in a container with this profile; sets output and status.
run() {
    bundle_config "$bundle" /berth-vm/labels '{}' "$2"
    sed -i 's|"process": {|& "apparmorProfile": "'"$1"'",|' "$bundle/config.json"
    output=$(timeout 60 berth-runtime run --bundle "$bundle" vm 2>&1 </dev/null)
    status=$?
}

run unconfined 'cat /proc/self/attr/apparmor/current'
matches "a container runs unconfined when that is asked for" "unconfined" "$output"

# The container cannot see above its own namespace of profiles; the host can.
run :berth://unconfined 'echo in; sleep 3' &
eventually grep -qs berth /proc/[0-9]*/attr/apparmor/current
matches "execve gives the process the profile" "*:berth://unconfined*" "$(cat /proc/[0-9]*/attr/apparmor/current 2>/dev/null)"
wait

run no-such-profile 'echo ran'
matches "a profile that is not loaded is an error that names it" "*no-such-profile*no such file or directory*" "$output"
ok "and nothing runs" test "$status" != 0

# A container whose own /proc is something else takes its profile all the same: it is written through the host's.
mkdir -p "$bundle/rootfs/proc/self/attr/apparmor"
touch "$bundle/rootfs/proc/self/attr/exec" "$bundle/rootfs/proc/self/attr/apparmor/exec"
bundle_config "$bundle" /berth-vm/labels '{}' 'sleep 3'
sed -i -e 's|"process": {|& "apparmorProfile": ":berth://unconfined",|' -e '/"destination": "\/proc"/d' "$bundle/config.json"
timeout 60 berth-runtime run --bundle "$bundle" vm >/dev/null 2>&1 </dev/null &
eventually grep -qs berth /proc/[0-9]*/attr/apparmor/current
matches "Attack05: a false /proc in the image takes no label" "*:berth://unconfined*" "$(cat /proc/[0-9]*/attr/apparmor/current 2>/dev/null)"
ok "nothing was written to it" test ! -s "$bundle/rootfs/proc/self/attr/apparmor/exec" -a ! -s "$bundle/rootfs/proc/self/attr/exec"
wait

# SELinux is not in this kernel.
bundle_config "$bundle" /berth-vm/labels '{}' 'echo ran'
sed -i 's|"process": {|& "selinuxLabel": "system_u:system_r:container_t:s0",|' "$bundle/config.json"
output=$(timeout 60 berth-runtime run --bundle "$bundle" vm 2>&1 </dev/null)
matches "a label without SELinux is an error that names it" "*container_t*SELinux is not enabled*" "$output"
cleanups+=('rmdir /sys/fs/cgroup/berth-vm')
