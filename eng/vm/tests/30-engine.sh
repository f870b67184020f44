# The daemon under systemd and cgroup v2: import, run, exec, stop, a daemon killed and started again.
export BERTH_HOST=unix://$home/berth.sock
start_daemon() {
    berthd --bridge none --data-root "$home/data" --exec-root "$home/exec" -H "$BERTH_HOST" </dev/null >>"$home/log" 2>&1 &
    daemon=$!
    eventually berth version
}
stop_daemon() {
    local ids
    ids=$(berth ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || berth rm -f $ids >/dev/null
    kill "$daemon" && wait "$daemon"
}
busybox_root "$home/root"
tar -C "$home/root" --numeric-owner --owner=0 --group=0 -cf "$home/busybox.tar" .
start_daemon
equal "the daemon starts" 0 $?
cleanups+=(stop_daemon '[ "$failures" = 0 ] || tail -n 20 "$home/log" | sed "s/^/#   berthd: /"')
matches "info tells the version of cgroups" "2" "$(berth info --format '{{.CgroupVersion}}' 2>&1)"
ok "an image is imported" berth import "$home/busybox.tar" busybox:latest
equal "a container runs" "hello 1" "$(berth run --rm --network none busybox sh -c 'echo hello $$' 2>&1)"
equal "its exit status comes back" 42 "$(berth run --rm --network none busybox sh -c 'exit 42' >/dev/null 2>&1; echo $?)"
matches "kmsg is refused to it" "*Operation not permitted*" \
    "$(berth run --rm --network none busybox sh -c 'mknod /tmp/k c 1 11 && : >/tmp/k' 2>&1)"

ok "one starts in the background" berth run -d --network none --name long busybox sleep 1000
equal "exec runs in it" "/sleep" "/$(berth exec long cat /proc/1/comm 2>&1)"
pid=$(berth inspect --format '{{.State.Pid}}' long 2>&1)
cgroup=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
ok "it has a cgroup of its own" test -e "$cgroup/cgroup.procs" -a "$cgroup" != /sys/fs/cgroup/
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
start_daemon
equal "the daemon is killed and starts again" 0 $?
equal "the container is still the same" "true $pid" "$(berth inspect --format '{{.State.Running}} {{.State.Pid}}' long 2>&1)"
equal "and exec runs in it" 1 "$(berth exec long sh -c 'ls /proc | grep -c "^1$"' 2>&1)"
ok "it is stopped" berth stop -t 1 long
equal "by SIGKILL, as sleep is deaf to SIGTERM as pid 1" 137 "$(berth inspect --format '{{.State.ExitCode}}' long 2>&1)"
ok "its cgroup is gone" eventually test ! -e "$cgroup"
ok "it is removed" berth rm long
equal "no container is left" "" "$(berth ps -aq 2>&1)"
