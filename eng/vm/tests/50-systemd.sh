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

# begin SCRIPT [ANNOTATIONS]: with annotations in JSON.
begin() {
    bundle_config "$bundle" berthvm-test.slice:berth:vm "$resources" "$1"
    sed -i "s/\"ociVersion\"/\"annotations\": { ${2:-} }, &/" "$bundle/config.json"
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

begin 'while :; do sleep 1; done' '"org.systemd.property.TimeoutStopUSec": "uint64 7000000", "org.systemd.property.RuntimeMaxSec": "1000.5", '\
'"org.systemd.property.CollectMode": "'"'inactive-or-failed'"'", "org.systemd.property.After": "['"'basic.target'"']", "org.example": "x"'
equal "annotations of the configuration are properties of the scope" "running 7s 16min 40.500000s inactive-or-failed" \
    "$(status) $(property TimeoutStopUSec) $(property RuntimeMaxUSec) $(property CollectMode)"
matches "lists too" "*basic.target*" "$(property After)"
run delete --force vm
ok "a container with such is removed by force" eventually gone

begin 'exit 0' '"org.systemd.property.NoSuchProperty": "true"'
matches "a property that systemd does not know is an error that names it" "*NoSuchProperty*" "$(cat "$home/out")"
ok "and nothing is left" gone

# Without a message bus it is systemd's own socket.
run() { DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent "$runtime" --root "$home/state" --systemd-cgroup "$@"; }
for i in 1 2 3; do
    begin 'while :; do sleep 1; done'
    equal "a container is started without a message bus, time $i" "running 67108864" "$(status) $(property MemoryMax)"
    ok "and removed" run delete --force vm
done
ok "the last one's scope is gone" eventually gone
equal "no unit failed" "" "$(systemctl list-units --failed --plain --no-legend)"
