#!/bin/sh
# `weir stats --pid`: the figures of a process under `weir run` while it runs are exact where it
# stands still; of any other process there is one line that says why there are none.
. "$(dirname "$0")/lib.sh"

cat >"$scratch/hold.c" <<'END'
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile kept, *volatile gone;
static void say(const char *name, int pid)
{
    char text[16];
    int n = 0, file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (int rest = pid; rest; rest /= 10) n++;
    for (int i = n, rest = pid; i-- > 0; rest /= 10) text[i] = (char)('0' + rest % 10);
    text[n] = '\n';
    if (write(file, text, n + 1) < 0) _exit(1);
    close(file);
}
/* hold [fork|zombie|exec]: says in "pid" who has what is looked at; waits for the file "end". */
int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    int pid = getpid();
    kept = malloc(1000000);
    gone = malloc(3000000);
    free(gone);
    if (!strcmp(way, "exec")) execl(argv[0], argv[0], (char *)0);
    if (!strcmp(way, "fork") || !strcmp(way, "zombie")) {
        int child = fork();
        if (!child) {
            if (!strcmp(way, "zombie")) _exit(0);
            kept = malloc(500000);
        } else {
            siginfo_t info;
            if (!strcmp(way, "zombie") && waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0)
                say("pid", child);
            while (access("end", F_OK)) usleep(1000);
            if (!strcmp(way, "fork")) waitpid(child, 0, 0);
            return 0;
        }
        pid = getpid();
    }
    say("pid", pid);
    while (access("end", F_OK)) usleep(1000);
    return 0;
}
END
$CC -O1 -o "$bin/hold" "$scratch/hold.c" || exit 99

# begins COMMAND...: in the background, until it says its number, which is in $pid.
begins()
{
    rm -f pid end
    "$@" >out 2>err &
    begun=$!
    while [ ! -s pid ]; do
        kill -0 $begun 2>/dev/null || fail "it ended: $(cat err)"
        sleep 0.02
    done
    pid=$(cat pid)
}

ends() { : >end; wait "$begun"; }

has() { grep -q "\"$1\":$2[,}]" stats || fail "$1 is not $2: $(cat stats)"; }

figures()
{
    begins "$weir" run -o report -- "$bin/hold" "$1"
    "$weir" stats --pid "$pid" --json >stats || fail "status $?"
    has pid "$pid"
    has heap '"malloc"'
    has live_bytes "$2"
    has live_blocks "$3"
    has peak_bytes "$4"
    has peak_blocks "$5"
    "$weir" stats --pid "$pid" >text || fail "as text"
    grep -q "^hold (pid $pid)" text || fail "$(cat text)"
    grep -q "^  live .*($(echo "$2" | sed ':a; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; ta') bytes)" text ||
        fail "$(cat text)"
    ends
    [ -s report ] || fail "weir run has no report any more"
}
check "a program that stands still" figures return 1000000 1 4000000 2
check "after exec" figures exec 1000000 1 4000000 2
check "a child made by fork" figures fork 1500000 2 1500000 2

# refused PID WHY
refused()
{
    "$weir" stats --pid "$1" >out 2>err
    status=$?
    [ $status -eq 1 ] || fail "status $status: $(cat out err)"
    [ ! -s out ] || fail "it prints $(cat out)"
    [ "$(cat err)" = "weir stats: process $1: $2" ] || fail "$(cat err)"
}

no_such() { refused 4194304 "no such process"; } # Linux has none above 4194303
check "no such process" no_such

zombie() { begins "$weir" run -o report -- "$bin/hold" zombie; refused "$pid" "it has ended"; ends; }
check "one that has ended and is not waited for" zombie

plain() { begins "$bin/hold"; refused "$pid" "it is not under weir run"; ends; }
check "one that is not under weir run" plain

orphan()
{
    begins sh -c 'exec "$0" run -o report -- "$1"' "$weir" "$bin/hold"
    kill -9 "$begun"
    wait "$begun" 2>/dev/null
    if kill -0 "$pid" 2>/dev/null; then refused "$pid" "its weir run has ended, or is another user's"; fi
    : >end
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
}
check "one whose weir run was killed" orphan

static()
{
    $CC -static -O1 -o hold-static "$scratch/hold.c" 2>err || skip "no static C library"
    begins "$weir" run -o report -- sh -c './hold-static; exit $?'
    refused "$pid" "weir is not in it: weir run says why when it ends"
    ends
}
check "one that weir is not in" static

other()
{
    [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null || skip "only root can be another user"
    setpriv --reuid 65534 --clear-groups "$weir" --version >out 2>err || skip "another user cannot run weir here"
    begins "$weir" run -o report -- "$bin/hold"
    setpriv --reuid 65534 --clear-groups "$weir" stats --pid "$pid" >out 2>err && fail "$(cat out)"
    [ "$(cat err)" = "weir stats: process $pid: it is another user's" ] || fail "$(cat err)"
    ends
}
check "another user's" other

words()
{
    "$weir" stats --pid 0 2>err; [ $? -eq 2 ] || fail "a pid of 0"
    "$weir" stats --pid $$ --openmetrics 2>err; [ $? -eq 2 ] || fail "--openmetrics"
    "$weir" stats --pid x 2>err; [ $? -eq 2 ] || fail "a pid of x"
}
check "wrong usage" words
finish
