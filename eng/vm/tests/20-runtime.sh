# berth-runtime starts bundles under cgroup v2: limits, device rules, the container's view of its cgroup; nothing stays.
bundle=$home/bundle
busybox_root "$bundle/rootfs"
cgroup=/sys/fs/cgroup/berth-vm/runtime

# run RESOURCES SCRIPT [EDIT]: runs the script in a container with these resources (JSON), the configuration edited by sed; sets output and status.
run() {
    bundle_config "$bundle" /berth-vm/runtime "$1" "$2"
    [ $# -lt 3 ] || sed -i "$3" "$bundle/config.json"
    output=$(timeout 60 berth-runtime run --bundle "$bundle" vm 2>&1 </dev/null)
    status=$?
}

run '{}' 'echo pid $$; exit 7'
equal "a container runs and its exit status comes back" "pid 1, 7" "$output, $status"

run '{}' 'cat /proc/self/cgroup; test -e /sys/fs/cgroup/cgroup.procs && echo seen; : 2>&1 >/sys/fs/cgroup/cgroup.procs'
matches "it sees its own cgroup as the root" "0::/"$'\n'"seen*" "$output"
matches "which is read-only" "*Read-only file system*" "$output"
ok "its cgroup is gone afterwards" test ! -e "$cgroup"

writable='/"\/sys\/fs\/cgroup"/s/"ro"/"rw"/'
run '{ "pids": { "limit": 50 } }' 'mkdir /sys/fs/cgroup/sub && echo $$ >/sys/fs/cgroup/sub/cgroup.procs && cat /proc/self/cgroup
    echo max >/sys/fs/cgroup/pids.max' "$writable"
matches "one that may write makes cgroups below its own" "0::/sub"$'\n'"*" "$output"
matches "but does not lift its own limits" "*Operation not permitted" "$output"
ok "all of it is gone afterwards" test ! -e "$cgroup"
run '{ "pids": { "limit": 50 } }' 'cat /proc/self/cgroup /sys/fs/cgroup/pids.max; ls /sys/fs/cgroup | grep -c slice; grep -c "/berth-vm/runtime /sys/fs/cgroup ro.* cgroup2 " /proc/self/mountinfo' \
    '/"type": "cgroup" }/s/,* *{ "type": "cgroup" }//'
equal "without a namespace for cgroups it sees its path, and of the files its own cgroup alone" "0::/berth-vm/runtime,50,0,1" "$(paste -sd, <<<"$output")"

run '{ "pids": { "limit": 5 } }' 'cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; exit 0'
matches "the limit of processes is set" "5"$'\n'"*" "$output"
matches "and holds" "*fork*Resource temporarily unavailable*" "$output"

# /dev/fuse may be opened by everyone, so that only the rules decide; writing kmsg asks for no capability either.
modprobe fuse
ok "fuse can be opened outside" sh -c ': <>/dev/fuse'
mknodes='mknod /dev/kmsg c 1 11; mknod /dev/zero2 c 1 5; mknod /dev/fuse c 10 229'
tries='for d in kmsg zero2 fuse; do (: >/dev/$d) 2>&1 | sed "s/.*: //" | grep . || echo $d written; done'
refused="Operation not permitted"
run '{ "devices": [{ "allow": false, "access": "rwm" }] }' "$mknodes; $tries; head -c 3 /dev/zero | wc -c; echo x >/dev/null && echo null written"
equal "nodes of refused devices cannot be opened, the default devices work" \
    "$refused,zero2 written,$refused,3,null written" "$(paste -sd, <<<"$output")"
run '{ "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "c", "major": 10, "minor": 229, "access": "rm" }] }' \
    'mknod /dev/fuse c 10 229; (: </dev/fuse) 2>&1 && echo read; (: >/dev/fuse) 2>&1'
matches "a rule allows reading one and nothing more" "read"$'\n'"*$refused" "$output"
run '{ "devices": [{ "allow": true, "access": "rwm" }] }' "$mknodes; $tries"
equal "a rule allows everything" "kmsg written,zero2 written,fuse written" "$(paste -sd, <<<"$output")"

ok "no cgroup is left" test ! -e "$cgroup"
ok "no mount is left" test -z "$(grep -F "$bundle" /proc/self/mountinfo)"
cleanups+=('rmdir /sys/fs/cgroup/berth-vm')
