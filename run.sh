#!/usr/bin/env bash
# Builds Berth, starts a daemon of its own, makes an image, runs containers and shows what came of it, then removes everything.
# usage: sudo ./run.sh [--keep]    --keep leaves the daemon running and says how to use and stop it
set -euo pipefail
source "$(dirname "$0")/eng/common.sh"

keep=false
case ${1:-} in
    "") ;;
    --keep) keep=true ;;
    *) die "unknown option $1; usage: sudo ./run.sh [--keep]" ;;
esac
need_root ./run.sh
cd "$root"
eng/prepare
eng/build

home=$(mktemp -d /tmp/berth-run.XXXXXX)
socket=$home/berth.sock
bridge=brun${home##*.} # beside that of a daemon that is installed
options=(--data-root "$home/data" --exec-root "$home/exec" --bridge "$bridge" -H "unix://$socket")
daemon=
export BERTH_HOST=unix://$socket DOCKER_HOST=unix://$socket DOCKER_CONFIG=$home/docker DOCKER_CLI_HINTS=false
unset DOCKER_CONTEXT DOCKER_API_VERSION
mkdir "$DOCKER_CONFIG"
berth() { "$root/out/bin/berth" "$@"; }
shown() { printf '    $ %s\n' "$*"; "$@" 2>&1 | sed 's/^/    /'; }

finish() {
    local status=$?
    trap - EXIT
    if [ "$status" != 0 ] && [ -e "$home/berthd.log" ]; then
        printf 'run.sh failed; the last lines of the daemon'"'"'s log:\n' >&2
        tail -n 20 "$home/berthd.log" >&2
    fi
    if [ "$status" = 0 ] && $keep; then exit 0; fi
    say "cleaning up"
    if [ -n "$daemon" ]; then
        local ids
        ids=$(berth ps -aq 2>/dev/null || true)
        # shellcheck disable=SC2086
        if [ -n "$ids" ]; then berth rm -f $ids >/dev/null || status=1; fi
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
        shown "$root/out/bin/berthd" --data-root "$home/data" --purge || status=1
    fi
    rm -rf "$home" || status=1
    if [ "$status" = 0 ]; then say "done"; fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "starting berthd on $home"
if $keep; then
    setsid "$root/out/bin/berthd" "${options[@]}" </dev/null >"$home/berthd.log" 2>&1 &
else
    "$root/out/bin/berthd" "${options[@]}" </dev/null >"$home/berthd.log" 2>&1 &
fi
daemon=$!
for _ in $(seq 100); do
    if berth version >/dev/null 2>&1; then break; fi
    kill -0 "$daemon" 2>/dev/null || die "berthd ended while it started"
    sleep 0.05
done
shown berth version

say "making an image from $(command -v busybox)"
mkdir -p "$home"/root/{bin,dev,etc,proc,sys,tmp,root}
cp "$(command -v busybox)" "$home/root/bin/busybox"
for applet in $("$home/root/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$home/root/bin/$applet"
done
chmod 1777 "$home/root/tmp"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$home/root/etc/passwd"
printf 'root:x:0:\nnobody:x:65534:\n' >"$home/root/etc/group"
tar -C "$home/root" --numeric-owner --owner=0 --group=0 -cf "$home/busybox.tar" .
shown berth import "$home/busybox.tar" busybox:latest
shown berth images

greeting='echo "Hello from $(hostname), process $$, $(grep -c . /proc/mounts) mounts"; id'
say "running a container with berth"
shown berth run --name hello busybox sh -c "$greeting"
shown berth ps -a
shown berth logs --timestamps hello
shown berth rm hello

say "two containers of a network: by name, and by a published port"
shown berth network create front
shown berth run -d --name web --network front -p 127.0.0.1::80 busybox sh -c 'mkdir /www; echo "Hello from $(hostname -i)" >/www/index.html; exec httpd -f -h /www'
address=$(berth port web 80)
for _ in $(seq 100); do
    if busybox wget -q -O /dev/null "http://$address/" 2>/dev/null; then break; fi
    sleep 0.02
done
shown berth run --rm --network front busybox wget -q -O - http://web/
shown busybox wget -q -O - "http://$address/"
shown berth rm -f web
shown berth network rm front

if command -v docker >/dev/null; then
    say "the first container with the stock docker CLI"
    shown docker version --format 'client {{.Client.Version}}, server {{.Server.Version}}, API {{.Server.APIVersion}}'
    shown docker run --name hello busybox sh -c "$greeting"
    shown docker ps -a
    shown docker logs --timestamps hello
    shown docker rm hello
else
    say "no docker CLI on this machine: left out"
fi

if $keep; then
    say "berthd runs on as process $daemon; use it with"
    note "export DOCKER_HOST=unix://$socket"
    note "$root/out/bin/berth run --rm -it busybox sh"
    say "stop it and remove everything with"
    note "$root/out/bin/berth -H unix://$socket ps -aq | xargs -r $root/out/bin/berth -H unix://$socket rm -f; kill $daemon; while kill -0 $daemon 2>/dev/null; do sleep 0.1; done; $root/out/bin/berthd --data-root $home/data --purge; rm -rf $home"
fi
