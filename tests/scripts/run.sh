#!/bin/sh
# `weir run`: the exit status and the signals are the program's, what cannot be run is
# told, the report says what the program did.
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "a sanitizer brings a malloc of its own"; exit 77; }
[ -e "$top_builddir/.libs/libweir-malloc.so" ] || { echo "no libweir-malloc.so was built"; exit 77; }
weir=$top_builddir/weir
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99
failures=0

passed() { echo "passed: $1"; }
failed() { echo "FAILED: $1"; sed 's/^/  /' out err; failures=$((failures + 1)); }

# expect WHAT STATUS ARGUMENTS...: weir run ARGUMENTS ends with that status.
expect()
{
    what=$1 wanted=$2
    shift 2
    "$weir" run "$@" >out 2>err
    status=$?
    if [ $status -eq "$wanted" ]; then
        passed "$what"
    else
        echo "status $status, not $wanted" >>err
        failed "$what"
    fi
}
says() { grep -q -e "$1" err || failed "standard error says \"$1\""; }
lines() { [ "$(wc -l <err)" -eq "$1" ] || failed "$1 lines on standard error"; }

expect "status 0" 0 -- true
says 'peak  '
expect "status 7" 7 -- sh -c 'exit 7'
says 'status 7'
expect "without the dashes" 3 sh -c 'exit 3'
expect "the output is the program's alone" 0 -- echo hello
[ "$(cat out)" = hello ] || failed "standard output is untouched"
expect "the input too" 0 -- cat <err
expect "killed by a signal" 137 -- sh -c 'kill -KILL $$'
says 'killed by SIGKILL'
expect "terminated" 143 -- sh -c 'kill -TERM $$; sleep 5'
expect "aborted" 134 -- sh -c 'kill -ABRT $$'

expect "no such program" 127 -- nonexistent-program-of-weir
lines 1
says 'no such program'
expect "no such path" 127 -- ./none
lines 1
echo text >text
expect "not executable" 126 -- ./text
lines 1
says 'not executable'
expect "a folder" 126 -- /
lines 1
chmod +x text
echo 'exit 8' >text
expect "a script that names no interpreter" 8 -- ./text
printf '#!/nonexistent/interpreter\n' >script
chmod +x script
expect "a script without its interpreter" 127 -- ./script
lines 1
printf '#!/bin/sh\nexit 9\n' >script
expect "a script" 9 -- ./script
expect "no program" 2
lines 1
expect "no such option" 2 --nonsense true
expect "no such size" 2 --limit 12Q -- true
lines 1
expect "no such size" 2 --limit 0 -- true
for part in 0% 101% 12.5% % 9%0 90%% 1e1%; do
    expect "no such part: $part" 2 --limit "$part" -- true
    lines 1
    says '1% to 100%'
done
expect "help" 0 --help
grep -q 'usage: weir run' out || failed "help says the usage"
expect "short help" 0 -h
grep -q 'usage: weir run' out || failed "short help says the usage"

echo 'int main(void) { return 5; }' >five.c
if $CC -static -o static five.c 2>/dev/null; then
    expect "a static program" 126 -- ./static
    lines 1
    says 'static'
fi
if [ "$(id -u)" -ne 0 ] && [ -u /usr/bin/su ]; then
    expect "a setuid program" 126 -- /usr/bin/su --version
    says setuid
elif [ "$(id -u)" -eq 0 ] && $CC -o five five.c && chown 65534 five && chmod u+s five; then
    expect "a setuid program" 126 -- ./five
    lines 1
    says setuid
fi

# Signals sent to weir run reach the program, which may handle them.
cat >wait.sh <<'END'
trap 'echo got it; exit 21' TERM
echo ready
while :; do sleep 0.05; done
END
"$weir" run -- sh wait.sh >out 2>err &
run=$!
for _ in $(seq 100); do grep -q ready out && break; sleep 0.05; done
kill -TERM $run
wait $run
status=$?
if [ $status -eq 21 ] && grep -q 'got it' out; then passed "a signal is passed on"; else
    echo "status $status" >>err
    failed "a signal is passed on"
fi

cat >blocks.c <<'END'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
int main(int argc, char **argv)
{
    void *volatile blocks[1000];
    for (int i = 0; i < 1000; i++)
        memset(blocks[i] = malloc(1000), 1, 1000);
    void *volatile large = malloc(5000000);
    free(large);
    for (int i = 0; i < 990; i++)
        free(blocks[i]);
    if (argc > 1 && fork() == 0) {
        large = malloc(777777);
        execl(argv[0], argv[0], (char *)NULL);
    }
    while (wait(NULL) > 0)
        ;
    _exit(0);
}
END
$CC -O0 -o blocks blocks.c || exit 99
python=$(command -v /usr/bin/python3 || command -v python3)

# json WHAT CONDITION: of the report d and its program p.
json()
{
    if "$python" -c "import json, sys; d = json.load(open('report')); p = d['program']; sys.exit(not ($2))" 2>>err
    then passed "$1"; else cat report >>err; failed "$1"; fi
}
cat >few.c <<'END'
#include <stdlib.h>
int main(void)
{
    void *volatile few[12];
    for (int i = 0; i < 12; i++)
        few[i] = malloc(40);
    for (int i = 0; i < 12; i++)
        free(few[i]);
    for (int i = 0; i < 7; i++)
        few[i] = malloc(100);
    few[0] = realloc(few[0], 110);
    for (int i = 0; i < 5; i++)
        free(few[i]);
    few[0] = malloc(48);
    return 0;
}
END
$CC -O0 -w -o few few.c || exit 99
if [ -n "$python" ]; then
    expect "a small program" 0 --json -o report -- ./few
    json "the blocks at its peak are exact" "p['peak_bytes'] == 710 and p['peak_blocks'] == 7 and p['live_blocks'] == 3"
    expect "a report in a file" 0 --json -o report -- ./blocks
    lines 0
    json "the peak is exact" "p['peak_bytes'] == 1000 * 1000 + 5000000 and p['peak_blocks'] == 1001"
    json "what is live at exit" "p['live_bytes'] == 10000 and p['live_blocks'] == 10"
    json "traffic" "p['allocations'] == 1001 and p['frees'] == 991"
    json "by size" "sum(c['blocks'] for c in p['classes']) == 10 and [c['size'] for c in p['classes'] if c['blocks']] == [1024]"
    json "when" "0 <= p['peak_seconds'] <= d['seconds'] and p['ending'] == 'exited'"
    expect "children are told apart" 0 --json -o report -- ./blocks again
    json "parent, child, and what it became" "len(d['others']) == 1 or [o['ending'] for o in d['others']] == ['became another program', 'exited']"
    json "the child's peak is its own" "d['others'][0]['peak_bytes'] == 10000 + 777777 and d['others'][0]['allocations'] == 1"
    expect "a quote in a name" 0 --json -o report -- sh -c 'true "\" \\ \t é"'
    json "is quoted" "d['command'] == ['sh', '-c', 'true \"\\\\\" \\\\\\\\ \\\\t é\"']"
    cp few tëst && cp few "$(printf 'bad\377')" || exit 99
    expect "a name that is not ASCII" 0 --json -o report -- ./tëst
    json "is itself" "d['command'] == ['./tëst'] and p['program'] == 'tëst'"
    expect "a name that is no UTF-8" 0 --json -o report -- "./$(printf 'bad\377')"
    json "has a replacement character" "d['command'] == ['./bad\ufffd']"
    expect "over the limit" 0 --json --limit 2M -o report -- "$python" -c '
try:
    b"x" * 3000000
    print("no")
except MemoryError:
    print("refused")'
    grep -q refused out || failed "malloc returned NULL"
    json "refusals are counted" "p['failures'] >= 1 and p['limit'] == 2 << 20"
    expect "a record" 0 --json --record record -o report -- ./blocks again
    if "$weir" trace --json record >trace.json 2>>err && "$python" -c '
import json, sys
trace, program = json.load(open("trace.json")), json.load(open("report"))["program"]
sys.exit(trace["peak"]["bytes"] != program["peak_bytes"] or trace["allocations"] > program["allocations"])' 2>>err
    then passed "the record agrees with the report"; else cat report trace.json >>err; failed "the record agrees with the report"; fi
    expect "fork storm" 0 --json -o report -- sh -c 'i=0; while [ $i -lt 60 ]; do (:) & i=$((i+1)); done; wait'
    json "all are there" "len(d['others']) == 60"
fi
expect "a report nobody can write" 125 -o /nonexistent/report -- true

# The environment asks it of programs, not of the command that reads what they recorded.
expect "a recording" 0 --record own.trace -- true
cp own.trace copy.trace
WEIR_RECORD=$PWD/own.trace WEIR_LIMIT=1 WEIR_REPORT=- "$weir" trace own.trace >out 2>err ||
    failed "the command is not limited by WEIR_LIMIT"
[ ! -s err ] || failed "the command says nothing for WEIR_REPORT"
cmp -s own.trace copy.trace || failed "the command does not record itself over what it reads"
exit $((failures > 0))
