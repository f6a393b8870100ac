#!/bin/sh
# A handler that exits, executes, forks or jumps while its thread is inside the recorder or the
# allocator: no hang, the same status, and a recording that can be read. 12 times each, at
# other moments; GUEST_LONG=1: 60 times.
. "$(dirname "$0")/lib.sh"
build act.c
build handlers.c

# rounds HOW-MANY STATUS WHAT THREADS [PROGRAM]...: status "any": as long as it ends. What is
# without weir is tried ten times and told where it is not the same: glibc's malloc may hang in a
# fork of several threads, and aborts when its state was jumped out of.
rounds()
{
    most=$1 wanted=$2 what=$3 threads=$4
    shift 4
    [ -n "${GUEST_LONG:-}" ] || most=$(((most + 4) / 5))
    for way in plain watched recorded; do
        n=0
        while [ $n -lt $most ]; do
            n=$((n + 1))
            [ $way != plain ] || [ $n -le 10 ] || break
            case $way in
            plain) run= ;;
            watched) run="$weir run -o /dev/null --" ;;
            recorded) run="$weir run -o /dev/null --record F --" ;;
            esac
            rm -f F F.*
            timeout -s KILL "$patience" $run "$bin/handlers" $what $((1500 + n * 137 % 6000 + n * 11)) \
                $threads "$@" >out 2>err
            status=$?
            [ $status -ne 137 ] || status=hangs
            if [ $status = "$wanted" ] || { [ $wanted = any ] && [ $status != hangs ]; }; then
                :
            elif [ $way = plain ]; then
                echo "without weir, round $n: $status, not $wanted"
                [ $status != hangs ] || skip "without weir it hangs, too"
                break
            else
                fail "$way, round $n of $most: $status, not $wanted; it says: $(tail -n 1 err)"
            fi
            [ $way != recorded ] || "$weir" trace F >text 2>&1 ||
                fail "round $n: the recording: $(head -n 1 text)"
        done
    done
}
# shellcheck disable=SC2034 # lib.sh reads it
limit=900
for threads in 1 3; do
    of="of $threads threads"
    check "_exit, $of" rounds 60 0 _exit $threads
    check "exit_group, $of" rounds 60 0 exit_group $threads
    check "exit, $of" rounds 60 0 exit $threads
    check "quick_exit, $of" rounds 60 0 quick_exit $threads
    check "abort, $of" rounds 60 134 abort $threads
    check "a signal, $of" rounds 60 138 kill $threads
    check "exec, $of" rounds 60 6 exec $threads "$bin/act" a 100 100 end exit 6
    # Beside other threads glibc's own malloc hangs in such a fork, too.
    [ $threads -gt 1 ] || check "fork 100 times, $of" rounds 3 0 fork $threads
    check "vfork 100 times, $of" rounds 3 0 vfork $threads
    [ $threads -gt 1 ] || check "fork and exec 100 times, $of" rounds 3 0 fork-exec $threads "$bin/act" a 100 100 end exit 0
    check "jump, then _exit, $of" rounds 60 0 jump $threads
    check "jump, then exit, $of" rounds 60 0 jump-exit $threads
    check "jump 200 times, $of" rounds 3 any jumps $threads
done
finish
