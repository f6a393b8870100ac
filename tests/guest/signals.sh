#!/bin/sh
# Signals, terminal and job control are as without weir; a guest goes on without its weir run.
. "$(dirname "$0")/lib.sh"
build act.c
build count.c

signals() { "$python" "$guest_dir/signals.py" "$@" || exit $?; }
terminal()
{
    "$python" -c 'import os; os.openpty()' 2>/dev/null || skip "no terminal can be made here"
    have bash || skip "no bash here"
    "$python" "$guest_dir/terminal.py" "$@" || exit $?
}
# shellcheck disable=SC2034 # lib.sh reads it
limit=300
check "each signal, to the process: once" signals directed
check "each signal, to the group: once" signals group
check "queued signals are all there" signals queued
check "as timeout sends them" signals as_timeout
check "timeout" signals timeout
check "SIGTERM while it starts" signals early
check "a program that ignores SIGTERM" signals ignores
check "SIGCHLD ignored by the caller" signals child_ignored
check "dispositions and mask are inherited" signals inherited
check "SIGTSTP to the process, SIGCONT" signals stop_directed
check "SIGTSTP to the group, SIGCONT" signals stop_group
check "SIGSTOP to the group, SIGCONT" signals stop_hard
check "weir run is stopped, the program goes on" signals weir_stopped
check "weir run is slow, the program goes on" signals weir_slow
check "weir run is killed, the program goes on" signals weir_killed
check "weir run is killed at any moment" signals weir_killed_at_once
check "terminal: interrupt and quit, once" terminal keys
check "terminal: suspend and fg, three times" terminal stopped
check "terminal: bg, kill, stop, continue" terminal background
check "terminal: interrupt and quit, status" terminal interrupted
check "terminal: reading, in the background too" terminal reads
check "terminal: it is the program's" terminal owner
check "terminal: a pipeline" terminal pipeline
check "terminal: an interactive shell inside" terminal inner
check "terminal: hangup" terminal hangup
finish
