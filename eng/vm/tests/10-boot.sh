# The machine is what the other tests need.
equal "pid 1 is systemd" systemd "$(cat /proc/1/comm)"
equal "/sys/fs/cgroup is the unified hierarchy" cgroup2fs "$(stat -f -c %T /sys/fs/cgroup)"
equal "it is the only one" 1 "$(grep -c ' - cgroup' /proc/self/mountinfo)"
for controller in cpuset cpu io memory hugetlb pids rdma; do
    matches "it has the controller $controller" "* $controller *" " $(cat /sys/fs/cgroup/cgroup.controllers) "
done
ok "systemd answers on D-Bus" busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.DBus.Peer Ping
equal "no unit failed" "" "$(systemctl list-units --failed --plain --no-legend)"
