#!/bin/sh
# `weir run` that is stopped or killed, or kept busy by strangers: the program under it goes on
# as if alone. WEIR_TEST_EVENTS: how many are recorded meanwhile.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_preload
weir=$top_builddir/weir
events=${WEIR_TEST_EVENTS:-20000000} # twice what there is room for
cd "$scratch" || exit 99

check() { if eval "$2"; then passed "$1"; else echo "not: $2"; failed "$1" err report; fi; }

# go EVENTS: says that it is there, waits for the file "go", works, and writes how often it gave up the
# processor of its own accord, as one does that waits.
cat >guest.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
static long waits(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}
static void say(const char *name, long number)
{
    char text[32], hidden[64];
    snprintf(hidden, sizeof hidden, "%s.tmp", name);
    int file = open(hidden, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int n = snprintf(text, sizeof text, "%ld\n", number);
    if (write(file, text, n) != n || rename(hidden, name) != 0)
        _exit(9);
    close(file);
}
int main(int argc, char **argv)
{
    void *volatile blocks[64] = {0};
    long pairs = atol(argv[1]) / 2;
    (void)argc;
    say("ready", getpid());
    while (access("go", F_OK) != 0)
        usleep(1000);
    long start = waits();
    for (long i = 0; i < pairs; i++) {
        free(blocks[i % 64]);
        blocks[i % 64] = malloc(16 + i % 500);
    }
    say("done", waits() - start);
    return 0;
}
END
$CC -O1 -w -o guest guest.c || exit 99

# await NAME: the file is there within four minutes.
await()
{
    for i in $(seq 4800); do
        [ -e "$1" ] && return
        sleep 0.05
    done
    failed "$1 comes" err report
    finish
}

# begin ARGUMENTS...: weir run ARGUMENTS on the guest and a small program after it, up to where
# the guest is to work.
begin()
{
    rm -f ready 'done' go report err
    "$weir" run "$@" -- sh -c "./guest $events; touch ended; exit 0" 2>err &
    run=$!
    await ready
}

# -- as it is without a disturbance ------------------------------------------------------
begin --record trace -o report
touch go
wait $run
echo "usual: $(cat 'done') waits for $events events"

# -- stopped ----------------------------------------------------------------------------
begin --json --record trace -o report
kill -STOP $run
rm -f ended
touch go
await ended
took=$(cat 'done')
echo "weir run stopped: $took waits"
check "the program does not wait for weir run" '[ "$took" -le $((events / 10000)) ]'
check "weir run was stopped" '[ ! -e report ]'
kill -CONT $run
wait $run
check "the status tells of a recording that is not whole" "[ $? -eq 123 ]"
number() # NAME: of the guest
{
    tr '{' '\n' <report | awk -v name="\"$1\":" '
        /"command":"\.\/guest/ { mine = 2 }
        mine-- > 0 && (at = index($0, name)) && !found++ { print substr($0, at + length(name)) + 0 }'
}
check "the report says how many are missing" '[ "$(number missing)" -gt $((events / 4)) ]'
check "and it is so" '[ $(($(number missing) + $(number events))) -ge $((events / 100 * 99)) ]'
check "who began when there was no room is told of, too" 'tr "{" "\n" <report | grep -A1 "\"command\":\"touch" | grep "\"missing\":[1-9]" | grep -q "\"error\":null"'
check "the figures are whole all the same" 'grep -q "\"exact\":true" report && [ "$(number allocations)" -ge $((events / 2)) ]'
for one in trace.*; do [ -s "$one" ] && "$weir" trace "$one"; done >trace.out 2>&1
check "what was recorded can be read" 'grep -q -i -e missing -e incomplete trace.out'

# -- killed -----------------------------------------------------------------------------
# Other runs may be on this machine: this one's memory is known by its inode.
memory() { stat -L -c '%i %n' /proc/$1/fd/* 2>/dev/null | while read -r inode name; do
    case $(readlink "$name") in /memfd:weir-run*) echo "$inode" ;; esac; done; }
users() { grep -l "memfd:weir-run" /proc/[0-9]*/maps 2>/dev/null | while read -r maps; do
    grep -q " $1 */memfd:weir-run" "$maps" && echo "$maps"; done
    stat -L -c '%i %n' /proc/[0-9]*/fd/* 2>/dev/null | grep "^$1 "; }
files() { find /dev/shm /tmp -maxdepth 1 -iname '*weir-run*' 2>/dev/null | sort; }
begin --record trace -o report
guest=$(cat ready)
inode=$(memory $run)
witness=
for i in $(seq 1200); do # it names itself, perhaps after the program began
    witness=$(ps -e -o pid=,ppid=,comm= | awk -v run=$run '$2 == run && $3 == "weir-witness" { print $1 }')
    [ -z "$witness" ] || break
    sleep 0.05
done
files >before
check "the memory and the witness are there" '[ -n "$inode" ] && [ -n "$witness" ] && [ -n "$(users "$inode")" ]'
kill -KILL $run
wait $run 2>/dev/null
touch go
await 'done'
took=$(cat 'done')
echo "weir run killed: $took waits"
check "the program goes on without weir run" '[ "$took" -le $((events / 10000)) ]'
for i in $(seq 1200); do kill -0 "$guest" 2>/dev/null || break; sleep 0.05; done
check "and ends" '! kill -0 "$guest" 2>/dev/null'
check "nothing says that something is wrong" '! grep -v Killed err'
files >after
check "nothing is left of the memory" '[ -z "$(users "$inode")" ] && diff before after'
for i in $(seq 1200); do kill -0 "$witness" 2>/dev/null || break; sleep 0.05; done
check "nor of the witness" '! kill -0 "$witness" 2>/dev/null'

# -- strangers ----------------------------------------------------------------------------
# Who connects to the socket and says nothing holds up neither the end nor a signal.
python=$(command -v /usr/bin/python3 || command -v python3)
if [ -n "$python" ]; then
    cat >knock.py <<'END'
import socket, subprocess, sys, time
run = subprocess.Popen([sys.argv[1], "run", "--quiet", "--", "sh", "-c",
                        'echo "$WEIR_RUN_PAGE"; sleep 1; exit 7'], stdout=subprocess.PIPE, text=True)
name = run.stdout.readline().partition("@")[2].split()
start, knocks = time.time(), []
while name and run.poll() is None and time.time() - start < 100:
    knocks = knocks[-200:] + [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)]
    knocks[-1].setblocking(False)
    try:
        knocks[-1].connect("\0" + name[0])
    except OSError:
        time.sleep(0.001)
status = run.poll()
run.kill()
sys.exit(status != 7)
END
    "$python" knock.py "$weir" >out 2>err
    check "strangers at the socket hold up nobody" "[ $? -eq 0 ]"
fi
finish
