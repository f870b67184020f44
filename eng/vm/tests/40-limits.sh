# The runtime's verbs under cgroup v2: limits, their change, the freezer, out of memory.
bundle=$home/bundle
busybox_root "$bundle/rootfs"
cgroup=/sys/fs/cgroup/berth-vm/limits
run() { "$runtime" --root "$home/state" "$@"; }
status() { run state vm 2>/dev/null | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p'; }
has_status() { [ "$(status)" = "$1" ]; }
file() { cat "$cgroup/$1" 2>&1; }
begin() {
    bundle_config "$bundle" /berth-vm/limits "$1" "$2"
    run create --bundle "$bundle" vm </dev/null >"$home/out" 2>&1 && run start vm
}
end() { run kill vm KILL; eventually has_status stopped; run delete vm; }
cleanups+=('run delete --force vm >/dev/null 2>&1; rmdir /sys/fs/cgroup/berth-vm 2>/dev/null')
device=$(cat /sys/class/block/nvme0n1/dev)

begin '{ "memory": { "limit": 67108864, "reservation": 33554432, "swap": 67108864 }, "pids": { "limit": 50 },
    "cpu": { "shares": 512, "quota": 20000, "period": 100000, "cpus": "0" },
    "blockIO": { "throttleReadBpsDevice": [{ "major": '"${device%:*}"', "minor": '"${device#*:}"', "rate": 1048576 }] },
    "unified": { "memory.high": "60000256" } }' 'while :; do sleep 1; done'
equal "a container is created and started" "0 running" "$? $(status)"
[ "$failures" = 0 ] || { sed 's/^/#   /' "$home/out"; return; }
equal "memory.max" 67108864 "$(file memory.max)"
equal "memory.low" 33554432 "$(file memory.low)"
equal "memory.swap.max, which does not count memory" 0 "$(file memory.swap.max)"
equal "pids.max" 50 "$(file pids.max)"
equal "cpu.max" "20000 100000" "$(file cpu.max)"
equal "cpu.weight of the shares" 20 "$(file cpu.weight)"
equal "cpuset.cpus" 0 "$(file cpuset.cpus)"
matches "io.max" "$device rbps=1048576 *" "$(file io.max)"
equal "a file of the unified hierarchy by its name" 59998208 "$(file memory.high)"

run pause vm
equal "pause freezes" "paused frozen 1" "$(status) $(grep frozen "$cgroup/cgroup.events")"
run resume vm
equal "resume thaws" "running frozen 0" "$(status) $(grep frozen "$cgroup/cgroup.events")"
run update --memory 134217728 --memory-swap 134217728 --pids-limit 60 --cpu-quota 30000 vm >/dev/null 2>&1
equal "update changes limits" "134217728 60 30000 100000" "$(file memory.max) $(file pids.max) $(file cpu.max)"
matches "events tells statistics" '*"pids":*"current":*' "$(run events --stats vm 2>&1)"
end
ok "nothing of it is left" test ! -e "$cgroup"

begin '{ "memory": { "limit": 16777216, "swap": 16777216 } }' 'head -c 100000000 /dev/zero | tail >/dev/null; sleep 1000'
ok "a member is killed when memory is at its end" eventually grep -q '^oom_kill [1-9]' "$cgroup/memory.events"
end
ok "and nothing is left of that" test ! -e "$cgroup"
