# An unprivileged user's containers under the user's own systemd: scopes of that manager, with the controllers that are delegated to it.
# The user's manager starts without PAM's session, so it is told its folder.
mkdir -p /run/systemd/system/user@.service.d
printf '[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\n' >/run/systemd/system/user@.service.d/berth.conf
systemctl daemon-reload
ok "the user has a systemd" systemctl start user@1000.service
manager=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service
matches "to which controllers are delegated" "*memory pids*" "$(cat "$manager/cgroup.controllers")"
as_user() { (cd /; env -i PATH="$PATH" HOME=/home/tester XDG_RUNTIME_DIR=/run/user/1000 setpriv --reuid 1000 --regid 1000 --clear-groups "$@"); }
install -d -o tester -g tester "$home/user"
chmod 755 "$home"
bundle=$home/user/bundle
busybox_root "$bundle/rootfs"
mappings='"uidMappings": [{ "containerID": 0, "hostID": 1000, "size": 1 }, { "containerID": 1, "hostID": 100000, "size": 65536 }],
    "gidMappings": [{ "containerID": 0, "hostID": 1000, "size": 1 }, { "containerID": 1, "hostID": 100000, "size": 65536 }],'
bundle_config "$bundle" user.slice:berth:vm '{ "memory": { "limit": 67108864 }, "pids": { "limit": 50 } }' \
    'cat /proc/self/cgroup /sys/fs/cgroup/pids.max; : >/tmp/ready; while :; do sleep 1; done' "$mappings"
chown -R tester:tester "$bundle"
run() { as_user timeout 60 "$runtime" --systemd-cgroup "$@"; }
status() { run state vm 2>/dev/null | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p'; }
has_status() { [ "$(status)" = "$1" ]; }
gone() { [ -z "$(as_user systemctl --user list-units --all --plain --no-legend berth-vm.scope)" ]; }
property() { as_user systemctl --user show berth-vm.scope -p "$1" --value; }
cleanups+=('run delete --force vm >/dev/null 2>&1; systemctl stop user@1000.service; rm -r /run/systemd/system/user@.service.d; systemctl daemon-reload')
scope=$manager/user.slice/berth-vm.scope

run create --bundle "$bundle" vm </dev/null >"$home/out" 2>&1 && run start vm
equal "a container is created and started" "0 running" "$? $(status)"
[ "$failures" = 0 ] || { sed 's/^/#   /' "$home/out"; return; }
ok "it comes to its program" eventually test -e "$bundle/rootfs/tmp/ready"
equal "its cgroup is what it sees" "0::/,50" "$(paste -sd, "$home/out")"
equal "it is a scope of the user's" "active user.slice" "$(property ActiveState) $(property Slice)"
ok "its process is in it" grep -q . "$scope/cgroup.procs"
equal "the limits are the scope's properties" "67108864 50" "$(property MemoryMax) $(property TasksMax)"
equal "and the kernel's" "67108864 50" "$(cat "$scope/memory.max" "$scope/pids.max" | paste -sd' ')"
equal "exec joins it" "0::/" "$(run exec vm cat /proc/self/cgroup 2>&1)"
run update --memory 134217728 vm >/dev/null 2>&1
equal "update changes both" "134217728 134217728" "$(property MemoryMax) $(cat "$scope/memory.max")"
run pause vm
equal "pause freezes" "paused frozen 1" "$(status) $(grep frozen "$scope/cgroup.events")"
run resume vm
equal "resume thaws" "running frozen 0" "$(status) $(grep frozen "$scope/cgroup.events")"
run kill vm KILL
ok "it ends when it is killed" eventually has_status stopped
ok "it is deleted" run delete vm
ok "the scope is gone" eventually gone
ok "nothing is left" test -z "$(ls -A /run/user/1000/berth-runtime 2>/dev/null)"
