# berth-runtime starts containers under an AppArmor profile: the machine's kernel has AppArmor. A namespace of profiles stands in for a profile of our
# own, which would need the compiler of policies: from inside it the namespace has no name.
bundle=$home/bundle
busybox_root "$bundle/rootfs"
policy=/sys/kernel/security/apparmor/policy/namespaces/berth
mkdir "$policy"
cleanups+=("rmdir $policy" 'rmdir /sys/fs/cgroup/berth-vm')

# run LABEL SCRIPT [EDIT]: runs the script in a container whose process has this label (a member in JSON), edited by sed; sets output and status.
run() {
    bundle_config "$bundle" /berth-vm/labels '{}' "$2"
    sed -i -e 's|"process": {|& '"$1"',|' -e "${3:-}" "$bundle/config.json"
    output=$(timeout 20 berth-runtime run --bundle "$bundle" vm 2>&1 </dev/null)
    status=$?
}

# try PROC: whether a process can name the namespace.
try() { echo "echo exec :berth://unconfined >$1/self/attr/apparmor/exec && echo outside"; }

run '"apparmorProfile": "unconfined"' "$(try /proc)"
equal "a container runs unconfined when that is asked for" outside "$output"
run '"apparmorProfile": ":berth://unconfined"' "$(try /proc)"
matches "execve gives the process its profile" "*write error: No such file or directory" "$output"

run '"apparmorProfile": "no-such-profile"' 'echo ran'
matches "a profile that is not loaded is an error that names it" "*no-such-profile*no such file or directory*" "$output"
ok "and nothing runs" test "$status" != 0

# An image whose /proc is a folder of files takes no label: it is written through the host's.
mkdir -p "$bundle/rootfs/proc/self/attr/apparmor"
touch "$bundle/rootfs/proc/self/attr/exec" "$bundle/rootfs/proc/self/attr/apparmor/exec"
run '"apparmorProfile": ":berth://unconfined"' "$(try /other)" 's|"destination": "/proc"|"destination": "/other"|'
matches "Attack05: a false /proc in the image does not keep the profile away" "*write error: No such file or directory" "$output"
ok "nothing was written to it" test ! -s "$bundle/rootfs/proc/self/attr/apparmor/exec" -a ! -s "$bundle/rootfs/proc/self/attr/exec"

# SELinux is not in this kernel.
run '"selinuxLabel": "system_u:system_r:container_t:s0"' 'echo ran'
matches "a label without SELinux is an error that names it" "*container_t*SELinux is not enabled*" "$output"
