#!/bin/sh
# Programs that give up their rights to system calls, users or folders live as without weir:
# after its start nothing in a guest makes a call that a malloc would not make.
# shellcheck disable=SC1083 # braces are words of act.c
. "$(dirname "$0")/lib.sh"
build act.c
build sandbox.c

# box WHAT [watched|recorded]
box()
{
    plain=$(status_of "$bin/sandbox" "$1")
    wants "without weir" "alive" "$(echo "$plain" | head -n 1)"
    if [ "$2" = watched ]; then set -- "$1"; else set -- "$1" --record F; fi
    what=$1
    shift
    got=$(status_of "$weir" run --json -o report "$@" -- "$bin/sandbox" "$what")
    wants "what it says, and its end" "$(echo $plain)" "$(echo $got)"
    report report "40000 <= peak"
    [ "$what" = s ] || report report "live >= 40000"
    [ $# -eq 0 ] || trace F "peak == $(of_report report peak) and missing == 0 and dropped == 0"
}
check "strict mode, no recording" box s watched
for how in watched recorded; do
    check "a filter, $how" box f $how
    check "a filter, two threads, $how" box f2 $how
    check "a filter, then a new thread, $how" box fn $how
    check "a filter, idle, $how" box 'fi' $how
    check "a filter, all of it, exit, $how" box f2nie $how
    check "a filter, killed, $how" box f2k $how
    check "a filter, nothing can be opened, $how" box fo2e $how
done

# The same with all a start may do before: a child, a failed exec.
after()
{
    watch --record F -- "$bin/act" a 10 10 fork { a 10 10 failed /none exec "$bin/sandbox" f2ne } end _exit 0 >out
    wants "what it says" alive "$(cat out)"
}
check "a child that is in a filter" after

# Resources that are used up do not stop it.
threads()
{
    watch --record F -- "$bin/act" threads 8 { t 20000 100 } a 100 100 end exit_group 4
    wants "status" 4 $?
    trace F '160000 <= frees and missing == 0 and dropped == 0'
}
check "eight threads" threads
many_threads()
{
    set --
    for _ in 1 2 3 4 5 6 7 8 9 10; do set -- "$@" threads 60 { t 50 100 a 1 10 }; done
    watch --record F -- "$bin/act" "$@" end exit_group 4
    wants "status" 4 $?
    trace F '30600 <= allocations and missing == 0 and dropped == 0'
    report report "peak == $(of_trace F peak)"
}
check "600 threads, 60 at a time" many_threads
nofile()
{
    watch --record F -- "$bin/act" nofile 3 t 20000 100 fork { t 10 10 } thread { t 20000 100 } a 100 100 end exit_group 4
    wants "status" 4 $?
    trace F '40000 <= frees and missing == 0'
}
check "no descriptor to be had" nofile
finish
