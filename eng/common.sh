# Sourced by the scripts of this repository: progress lines, and finding the .NET SDK.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE=true
# No build server may outlive the script that started it.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false

say() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

need_root() {
    [ "$(id -u)" = 0 ] || die "$1 needs root (namespaces, mounts, cgroups): run it as 'sudo $1'"
}

# Puts a .NET SDK 10 into PATH; sudo often takes a user's own installation out of it.
need_dotnet() {
    local folder owner=${SUDO_USER:-} home
    home=$([ -n "$owner" ] && getent passwd "$owner" | cut -d: -f6 || printf '%s' "${HOME:-/root}")
    for folder in "" "${DOTNET_ROOT:-}" "$home/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet; do
        if [ -z "$folder" ]; then
            command -v dotnet >/dev/null || continue
        else
            [ -x "$folder/dotnet" ] || continue
            export PATH="$folder:$PATH" DOTNET_ROOT="$folder"
        fi
        if dotnet --list-sdks 2>/dev/null | grep -q '^10\.'; then return 0; fi
    done
    cat >&2 <<'TEXT'
error: the .NET SDK 10 was not found (looked in PATH, DOTNET_ROOT, ~/.dotnet, /usr/share/dotnet, /usr/lib/dotnet).
Get it in one of these ways, then run this again:
  - Microsoft's package source for Debian: https://learn.microsoft.com/dotnet/core/install/linux-debian
    then: apt-get install dotnet-sdk-10.0
  - without a package: curl -fsSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0
TEXT
    exit 1
}

# The runtime identifier of this machine.
host_rid() {
    case $(uname -m) in
        x86_64) echo linux-x64 ;;
        aarch64) echo linux-arm64 ;;
        *) die "Berth builds for x86_64 and aarch64; this machine is $(uname -m)" ;;
    esac
}
