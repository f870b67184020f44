# The systemd driver: the container is a scope of systemd's, its limits are the scope's properties.
bundle=$home/bundle
busybox_root "$bundle/rootfs"
run() { "$runtime" --root "$home/state" --systemd-cgroup "$@"; }
status() { run state vm 2>/dev/null | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p'; }
has_status() { [ "$(status)" = "$1" ]; }
property() { systemctl show berth-vm.scope -p "$1" --value; }
gone() { [ -z "$(systemctl list-units --all --plain --no-legend berth-vm.scope)" ]; }
cleanups+=('run delete --force vm >/dev/null 2>&1; systemctl stop berth-vm.scope berthvm.slice 2>/dev/null')
scope=/sys/fs/cgroup/berthvm.slice/berthvm-test.slice/berth-vm.scope
resources='{ "memory": { "limit": 67108864 }, "pids": { "limit": 50 }, "cpu": { "quota": 20000, "period": 100000 }, "devices": [{ "allow": false, "access": "rwm" }] }'

begin() {
    bundle_config "$bundle" berthvm-test.slice:berth:vm "$resources" "$1"
    sed -i 's/"cgroupsPath": "[^"]*"/"cgroupsPath": "berthvm-test.slice:berth:vm"/' "$bundle/config.json"
    run create --bundle "$bundle" vm </dev/null >"$home/out" 2>&1 && run start vm
}
begin 'while :; do sleep 1; done'
equal "a container is created and started" "0 running" "$? $(status)"
[ "$failures" = 0 ] || { sed 's/^/#   /' "$home/out"; return; }
equal "it is a scope in the slice that was asked for" "active berthvm-test.slice" "$(property ActiveState) $(property Slice)"
ok "its process is in it" grep -q . "$scope/cgroup.procs"
equal "the limits are the scope's properties" "67108864 50 200ms" "$(property MemoryMax) $(property TasksMax) $(property CPUQuotaPerSecUSec)"
equal "and the kernel's" "67108864 50 20000 100000" "$(cat "$scope/memory.max" "$scope/pids.max" "$scope/cpu.max" | paste -sd' ')"
systemctl daemon-reload
equal "they survive a reload of systemd" "67108864 50" "$(cat "$scope/memory.max" "$scope/pids.max" | paste -sd' ')"
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

begin 'trap "exit 0" TERM; while :; do sleep 1; done'
systemctl stop berth-vm.scope
ok "systemctl stop ends a container" eventually has_status stopped
ok "which is deleted" run delete vm
equal "no unit failed" "" "$(systemctl list-units --failed --plain --no-legend)"
