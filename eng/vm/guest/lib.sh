# Sourced before each test of eng/vm/tests. A test calls ok, equal, matches or fails; each prints one line that the host counts.
# shellcheck shell=bash
set -u
checks=0 failures=0
# The runtime that tests of the command line drive; another one to see whether a test is right about it: BERTH_VM_RUNTIME=runc eng/vm/run 40-verbs
runtime=$(cat /berth/runtime 2>/dev/null || echo berth-runtime)
home=$(mktemp -d /tmp/test.XXXXXX)
cleanups=()
trap 'for c in "${cleanups[@]}"; do eval "$c"; done; rm -rf "$home"' EXIT

pass() { checks=$((checks + 1)); echo "ok $1"; }
fail() {
    checks=$((checks + 1)) failures=$((failures + 1))
    echo "not ok $1"
    shift
    [ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}

# ok NAME COMMAND...: passes when the command does.
ok() {
    local name=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    if [ "$status" = 0 ]; then pass "$name"; else fail "$name" "exit status $status of: $*" "$output"; fi
}

# equal NAME WANTED GOT
equal() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted: $2" "got:    $3"; fi; }

# matches NAME PATTERN GOT: the pattern is the shell's.
matches() {
    # shellcheck disable=SC2053
    if [[ $3 == $2 ]]; then pass "$1"; else fail "$1" "wanted: $2" "got:    $3"; fi
}

# Waits up to 20 s for a command to pass.
eventually() {
    local i
    for i in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    return 1
}

finished() {
    [ "$checks" -gt 0 ] || { echo "not ok a test without checks"; return 1; }
    [ "$failures" = 0 ]
}

# A root file system of busybox in a folder.
busybox_root() {
    mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,root}
    cp /bin/busybox "$1/bin/busybox"
    chroot "$1" /bin/busybox --install -s /bin
    chmod 1777 "$1/tmp"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$1/etc/passwd"
    printf 'root:x:0:\nnobody:x:65534:\n' >"$1/etc/group"
}

# bundle_config FOLDER CGROUPSPATH RESOURCES SCRIPT [MAPPINGS]: writes the config.json of a container that runs the script, with these resources (JSON);
# with mappings (members of "linux" in JSON, and a comma) in a user namespace.
bundle_config() {
    local user=''
    if [ -n "${5:-}" ]; then user='{ "type": "user" },'; fi
    cat >"$1/config.json" <<JSON
{
  "ociVersion": "1.0.2",
  "process": { "args": ["/bin/sh", "-c", $(json "$4")], "cwd": "/", "env": ["PATH=/bin"], "user": { "uid": 0, "gid": 0 },
    "capabilities": { "bounding": ["CAP_MKNOD", "CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_MKNOD", "CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_MKNOD", "CAP_KILL", "CAP_CHOWN"] } },
  "root": { "path": "rootfs" },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] },
    { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"] }
  ],
  "linux": {
    ${5:-} "cgroupsPath": "$2",
    "namespaces": [$user { "type": "mount" }, { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" }, { "type": "cgroup" }],
    "resources": $3
  }
}
JSON
}

# A string of JSON; scripts here have no control characters but newlines.
json() { local text=${1//\\/\\\\}; text=${text//\"/\\\"}; printf '"%s"' "${text//$'\n'/\\n}"; }
