# Sourced by eng/vm/prepare and eng/vm/run: where the virtual machine's parts lie, and what decides them.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
vm=$root/out/vm
disk=$vm/root.img
kernel=$vm/vmlinuz

# Of Debian's packages, in the guest beside the minimal system; crun and runc to compare with.
guest_packages=(systemd systemd-sysv dbus kmod procps uidmap busybox-static crun runc libstdc++6)

# The machine's disk is made anew when one of these changes.
vm_fingerprint() {
    { printf '%s\n' "${guest_packages[@]}" "$(host_suite)"; cat "$root/eng/vm/prepare" "$root"/eng/vm/guest/root/*; } | sha256sum | cut -d' ' -f1
}

host_suite() { (. /etc/os-release && printf '%s %s' "$ID" "${VERSION_CODENAME:-}"); }

require_host() {
    [ "$(uname -m)" = x86_64 ] || die "the virtual machine is made for x86_64; this machine is $(uname -m)"
    local id suite
    read -r id suite < <(host_suite; echo)
    # Our executables are linked with the host's C library, so the guest is of the host's release.
    [ "$id" = debian ] && [ -n "$suite" ] || die "the virtual machine is made from Debian's packages of the host's own release; this host is '$id $suite'"
}
