# An unprivileged user's containers: a user namespace with the ids that /etc/subuid gives, by newuidmap.
as_user() { (cd /; env -i PATH="$PATH" HOME=/home/tester XDG_RUNTIME_DIR=/run/tester setpriv --reuid 1000 --regid 1000 --clear-groups "$@"); }
install -d -o tester -g tester -m 700 /run/tester
install -d -o tester -g tester "$home/user"
chmod 755 "$home"
bundle=$home/user/bundle
busybox_root "$bundle/rootfs"
chown -R tester:tester "$bundle"
mappings='"uidMappings": [{ "containerID": 0, "hostID": 1000, "size": 1 }, { "containerID": 1, "hostID": 100000, "size": 65536 }],
    "gidMappings": [{ "containerID": 0, "hostID": 1000, "size": 1 }, { "containerID": 1, "hostID": 100000, "size": 65536 }],'
run() {
    bundle_config "$bundle" "" '{}' "$1" "$mappings"
    sed -i '/"cgroupsPath"/s/"cgroupsPath": "",\?//; /"\/sys\/fs\/cgroup"/d; s/\("ro"\] },\)$/\1/' "$bundle/config.json"
    sed -i ':a;N;$!ba;s/},\n  \]/}\n  ]/' "$bundle/config.json"
    output=$(as_user timeout 60 "$runtime" run --bundle "$bundle" vm </dev/null 2>&1)
    status=$?
}
run 'id -u; hostname; exit 3'
matches "a container runs" "0"$'\n'"*, 3" "$output, $status"
run 'cat /proc/self/uid_map | tr -s " "'
equal "its ids are those of /etc/subuid" " 0 1000 1"$'\n'" 1 100000 65536" "$output"
run 'touch /tmp/a; chown 5:6 /tmp/a; stat -c %u:%g /tmp/a'
equal "it has them" "5:6" "$output"
equal "which are the user's outside" "100004:100005" "$(stat -c %u:%g "$bundle/rootfs/tmp/a")"
run 'mknod /dev/x c 1 3'
matches "it can make no device" "*Operation not permitted*" "$output"
ok "nothing is left" test -z "$(ls -A /run/tester/*/vm 2>/dev/null)"
