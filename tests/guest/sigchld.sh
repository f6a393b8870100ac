#!/bin/sh
# weir run started with SIGCHLD ignored, as some supervisors start programs: it ends, with
# the program's status, and the program finds the signal ignored as it would without.
. "$top_srcdir/tests/guest/functions"

cat >ignore.c <<'END'
#include <signal.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    signal(SIGCHLD, SIG_IGN);
    return argc > 1 ? execvp(argv[1], argv + 1) : 99;
}
END
cat >status.c <<'END'
#include <signal.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    struct sigaction now;
    sigaction(SIGCHLD, NULL, &now);
    return (argc > 1 ? atoi(argv[1]) : 0) + (now.sa_handler == SIG_IGN);
}
END
$CC -o ignore ignore.c && $CC -o status status.c || exit 99

for wanted in 10 21; do
    timeout -s KILL 300 ./ignore "$weir" run -o report -- ./status $((wanted - 1)) >out 2>err
    status=$?
    if [ $status -eq $wanted ]; then passed "status $wanted, SIGCHLD ignored"; else
        echo "status $status, not $wanted" >>err
        failed "status $wanted, SIGCHLD ignored" err
    fi
done
timeout -s KILL 300 "$weir" run -o report -- ./status 4 2>err
status=$?
[ $status -eq 4 ] && passed "the default stays the default" ||
    failed "the default stays the default ($status)" err
finish
