#!/usr/bin/env bash
# Builds everything, runs every gate and every test. The last line is 'N passed, N failed'; the exit status says the same.
# usage: sudo ./test.sh
set -uo pipefail
source "$(dirname "$0")/eng/common.sh"
need_root ./test.sh
cd "$root" || exit 1

passed=0 failed=0 failures=()
results=$root/out/test-results
rm -rf "$results"
mkdir -p "$results"

# A gate is one check: its output is shown when it fails.
gate() {
    local name=$1 start=$SECONDS
    shift
    say "$name"
    if "$@" >"$results/gate.log" 2>&1; then
        passed=$((passed + 1))
        note "ok ($((SECONDS - start)) s)"
    else
        cat "$results/gate.log"
        failed=$((failed + 1)) failures+=("$name")
        note "FAILED ($((SECONDS - start)) s)"
    fi
}

verdict() {
    if [ ${#failures[@]} -gt 0 ]; then
        printf '\nfailed:\n'
        printf '    %s\n' "${failures[@]}"
    fi
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
    exit
}

# The runtime's tests start processes from inside the just-in-time compiled test host, where a collection at the wrong moment would block the
# child (decision 0005; the shipped binaries are native and do not mind): 512 MiB of allocations before the first one.
test_environment() {
    case $1 in Berth.Linux.Tests | Berth.Runtime.Tests) echo DOTNET_GCgen0size=20000000 ;; esac
}

# Adds one project's counts to the sums. A run that leaves no result file counts as one failure.
run_tests() {
    local project=$1 file=$results/$1.trx start=$SECONDS counters p f s names
    say "$project"
    env $(test_environment "$project") dotnet test "tests/$project" -c Release --no-build --artifacts-path out/obj/tests \
        --logger "trx;LogFileName=$file" --blame-hang-timeout 10m --blame-hang-dump-type none >"$results/$project.log" 2>&1
    local status=$?
    counters=$(grep -o '<Counters [^>]*' "$file" 2>/dev/null)
    count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }
    p=$(count passed) f=$(count failed) s=$(count total)
    if [ -z "$p" ] || { [ "$status" != 0 ] && [ "$f" = 0 ]; } || [ "$s" = 0 ]; then
        cat "$results/$project.log"
        failed=$((failed + 1)) failures+=("$project did not finish (exit status $status)")
    fi
    if [ -n "$p" ]; then
        s=$((s - p - f))
        passed=$((passed + p)) failed=$((failed + f))
        note "$p passed, $f failed, $s skipped ($((SECONDS - start)) s)"
        if [ "$s" -gt 0 ]; then grep -h -A1 '\[SKIP\]' "$results/$project.log" | grep -v '^--' | sed 's/^ */    /'; fi
        if [ "$f" -gt 0 ]; then
            sed -n '/\[FAIL\]/,/^$/p' "$results/$project.log" | head -n 200
            mapfile -t names < <(grep -o '<UnitTestResult [^>]*outcome="Failed"' "$file" | sed 's/.*testName="\([^"]*\)".*/\1/')
            failures+=("${names[@]}")
        fi
    fi
}

# The tests in the virtual machine: pure cgroup v2 and systemd, which this machine may not have. Where the virtual machine cannot be made or does not come up, that is a
# failure. Beside the tests of single projects, as most of them leave a processor free.
begin_vm() {
    { eng/vm/prepare && eng/vm/run --small; } >"$results/vm.log" 2>&1 &
    vm=$!
}

# Adds their counts.
end_vm() {
    local start=$SECONDS log=$results/vm.log status p f
    say "virtual machine"
    wait "$vm"
    status=$?
    note "waited for ($((SECONDS - start)) s)"
    read -r p f < <(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log"; echo)
    if [ "$status" != 0 ]; then cat "$log"; fi
    if [ -z "$p" ] || { [ "$status" != 0 ] && [ "$f" = 0 ]; }; then
        failed=$((failed + 1)) failures+=("the virtual machine's tests did not finish (exit status $status)")
    fi
    if [ -n "$p" ]; then
        passed=$((passed + p)) failed=$((failed + f))
        note "$p passed, $f failed"
        mapfile -t -O ${#failures[@]} failures < <(sed -n 's/^not ok /virtual machine: /p' "$log")
    fi
}

if ! eng/prepare --tests; then
    failed=1 failures+=("eng/prepare")
    verdict
fi
need_dotnet
# Beside the builds, which hardly use a second processor; who needs the machine waits for it, and says what went wrong.
eng/vm/prepare >/dev/null 2>&1 &

gate "native build of the three executables, without warnings" eng/build
sed -n '/==> sizes/,$p' "$results/gate.log" | sed 1d
gate "native build of the daemon with fail points" eng/build --fail-points
gate "compiles for linux-arm64 and net10.0" eng/build --check-others
gate "build of the solution and its tests, without warnings" dotnet build Berth.slnx -c Release --artifacts-path out/obj/tests -v q -clp:NoSummary
gate "format" dotnet format whitespace . --folder --exclude out --verify-no-changes
eng/longest

begin_vm
for folder in tests/*.Tests; do
    [ "$(basename "$folder")" = Berth.EndToEnd.Tests ] || run_tests "$(basename "$folder")"
done
end_vm
# Last and alone: it measures times and memory.
run_tests Berth.EndToEnd.Tests
verdict
