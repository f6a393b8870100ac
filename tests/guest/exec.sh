#!/bin/sh
# One recording for each process image, none lost, none false: F for the program that was
# started, F.PID for a child, F.PID.2, F.PID.3 after exec. Each image here takes one block of a
# size of its own, so that its recording is known by its peak.
. "$(dirname "$0")/lib.sh"
build act.c
build chain.c
A=$bin/act

# image FILE SIZE [PID]: FILE is the whole recording of the image with that one large block.
image()
{
    [ -e "$1" ] || fail "$1 is not there; there are:" $(ls)
    trace "$1" "$2 <= peak < $2 + 100000"
    trace "$1" "missing == 0 and dropped == 0"
    [ -z "${3:-}" ] || trace "$1" "pid == $3"
}
# only FILE...: there are no others beside `report`.
only() { wants "the files" "$(printf '%s\n' "$@" report | sort)" "$(ls | sort)"; }

chain()
{
    watch --record F -- "$A" a 1 1000000 exec "$A" a 1 2000000 exec "$A" a 1 3000000 end exit_group 3
    wants "status" 3 $?
    pid=$(of_trace F pid)
    image F 1000000
    image "F.$pid.2" 2000000 $pid
    image "F.$pid.3" 3000000 $pid
    only F "F.$pid.2" "F.$pid.3"
    report report "pid == $pid and 3000000 <= peak < 3100000"
    report report "sorted(p.peak // 1000000 for p in everyone) == [1, 2, 3]"
    report report "all(p.pid == $pid for p in everyone)"
}
check "a chain of three" chain

killed_chain()
{
    watch --record F -- "$A" a 1 1000000 exec "$A" a 1 2000000 raise KILL
    pid=$(of_trace F pid)
    image F 1000000
    image "F.$pid.2" 2000000 $pid
    only F "F.$pid.2"
    report report "2000000 <= peak < 2100000"
}
check "a chain, killed" killed_chain

twelve()
{
    set -- a 1 1200000 end _exit 0
    for n in 11 10 9 8 7 6 5 4 3 2 1; do set -- a 1 ${n}00000 exec "$A" "$@"; done
    watch --record F -- "$A" "$@"
    pid=$(of_trace F pid)
    image F 100000
    for n in 2 3 4 5 6 7 8 9 10 11 12; do image "F.$pid.$n" ${n}00000 $pid; done
    wants "files" 13 "$(ls | wc -l)"
}
check "a chain of twelve" twelve

# They come while the memory is being read: the nth is the nth for all that.
in_order()
{
    watch -- "$bin/chain" 1 900
    report report "len(everyone) == 900"
    report report "sum(p.peak // 1000 - 100 != p.raw['image'] for p in everyone) == 0"
}
check "a chain of nine hundred" in_order

from_thread()
{
    watch --record F -- "$A" a 1 1000000 beside { a 1 500000 exec "$A" a 1 2000000 end exit 0 }
    pid=$(of_trace F pid)
    image F 1500000
    image "F.$pid.2" 2000000 $pid
    only F "F.$pid.2"
}
check "exec in a thread" from_thread

# A failed exec: whatever the reason, all of it is in the recording.
failed()
{
    case $1 in
    missing) set -- failed /nonexistent/program ;;
    folder) set -- failed / ;;
    rights) echo >file; set -- failed ./file ;;
    format) printf '\1\2\3\4\5\6\7\10' >file; chmod +x file; set -- failed ./file ;;
    path) set -- failedp no-program-of-this-name ;;
    many) set -- failed /none failed /none failedp none failed /none failed /none ;;
    spawn) set -- spawn-failed /nonexistent/program ;;
    vfork) set -- vfork { failed /nonexistent/program end _exit 127 } ;;
    fork) set -- fork { failed /nonexistent/program a 1 300 end _exit 127 } ;;
    thread) set -- thread { failed /nonexistent/program } ;;
    esac
    watch --record F -- "$A" a 100 1000 "$@" a 1 100000000 t 1000 100 a 50 10 end _exit 0
    wants "status" 0 $?
    rm -f file
    report report "100100500 <= peak < 100110000 and blocks >= 151"
    trace F "peak == $(of_report report peak) and peak_blocks == $(of_report report blocks)"
    trace F "missing == 0 and dropped == 0 and complete and 1151 <= allocations < 1160"
}
for why in missing folder rights format path many spawn vfork fork thread; do
    check "a failed exec: $why" failed $why
done
failed_then()
{
    watch --record F -- "$A" a 1 1000000 failed /none a 1 50 exec "$A" failed /none a 1 2000000 end exit 0
    pid=$(of_trace F pid)
    image F 1000050
    image "F.$pid.2" 2000000 $pid
    only F "F.$pid.2"
}
check "a failed exec, then one" failed_then
failed_killed()
{
    watch --record F -- "$A" a 1 1000000 failed /none a 10000 100 raise KILL
    image F 2000000
    trace F "10001 <= allocations < 10010"
}
check "a failed exec, then killed" failed_killed

# Children.
children()
{
    watch --record F -- "$A" a 1 1000000 fork { a 1 3000000 } fork { a 1 5000000 fork { a 1 7000000 end exit 1 } } a 1 500000 end exit 0
    image F 1500000
    report report "sorted(p.peak // 1000000 for p in others) == [4, 6, 13]"
    for mega in 4 6 13; do
        child=$(of_report report "[p.pid for p in others if p.peak // 1000000 == $mega][0]")
        image "F.$child" ${mega}000000 $child
        trace "F.$child" "peak == $(of_report report "[p.peak for p in others if p.pid == $child][0]")"
        trace "F.$child" "allocations == 1"
    done
    wants "files" 5 "$(ls | wc -l)"
}
check "children by fork" children

# The recording of what a child became; of the moment between, there may be one.
became()
{
    watch --record F -- "$A" a 1 1000000 "$@"
    image F 1000000
    trace F "1 <= allocations < 10"
    found=
    for file in F.*; do
        [ -e "$file" ] || fail "there is no recording of the child"
        child=$(of_trace "$file" pid)
        [ "$child" != "$(of_trace F pid)" ] || fail "$file is of the parent"
        case $file in "F.$child" | "F.$child.2") ;; *) fail "$file is of $child" ;; esac
        [ "$(of_trace "$file" "2000000 <= peak < 2100000 and missing == 0")" != True ] || found=$found$file
    done
    case $found in
    "F.$child" | "F.$child.2") ;;
    *) fail "the child's image is in \"$found\" of" $(ls) ;;
    esac
    report report "[p.peak // 1000000 for p in everyone].count(2) == 1"
}
check "a child by fork and exec" became fork { exec "$A" a 1 2000000 end exit 0 } end exit 0
check "a child by fork, exec and kill" became fork { exec "$A" a 1 2000000 raise KILL } end exit 0
check "a child by vfork and exec" became vfork { exec "$A" a 1 2000000 end exit 0 } end exit 0
check "a child by posix_spawn" became spawn "$A" a 1 2000000 end exit 0
check "a child with the environment of the start" became fork { exec0 "$A" a 1 2000000 end exit 0 } end exit 0
check "the same, the parent ends by the system call" became fork { exec0 "$A" a 1 2000000 end exit 0 } end exit_group 0

child_chain()
{
    watch --record F -- "$A" a 1 1000000 fork { a 1 3000000 exec "$A" a 1 2000000 exec "$A" a 1 6000000 raise TERM } end _exit 0
    child=$(of_report report "[p.pid for p in others][0]")
    image F 1000000
    image "F.$child" 4000000 $child
    image "F.$child.2" 2000000 $child
    image "F.$child.3" 6000000 $child
    only F "F.$child" "F.$child.2" "F.$child.3"
}
check "a chain in a child" child_chain

# A shell that starts programs: nobody's recording is another's.
shell()
{
    watch --record F -- sh -c '"$1" a 1 2000000; "$1" a 1 3000000 | "$1" a 1 4000000; exec "$1" a 1 5000000' sh "$A"
    for mega in 2 3 4 5; do
        n=0
        for file in F.*; do
            [ "$(of_trace "$file" "$mega == peak // 1000000 and missing == 0")" != True ] || n=$((n + 1))
        done
        wants "recordings of the program of $mega MB" 1 $n
    done
    trace F "peak < 1000000 and '$(of_report report 'command[0]')' in command"
    image "F.$(of_trace F pid).2" 5000000
}
check "a shell and its children" shell

# %p and %e in the name.
names()
{
    cp "$A" first
    cp "$A" second
    watch --record 'R-%e-%p' -- ./first a 1 1000000 fork { exec ./second a 1 2000000 end exit 0 } exec ./second a 1 3000000 end _exit 0
    rm first second
    pid=$(of_report report pid)
    child=$(of_report report "[p.pid for p in others if p.pid != pid][0]")
    image "R-first-$pid" 1000000 $pid
    image "R-second-$pid" 3000000 $pid
    image "R-second-$child" 2000000 $child
    for file in R-*; do
        case $file in "R-first-$pid" | "R-second-$pid" | "R-second-$child" | "R-first-$child") ;; *) fail "there is $file" ;; esac
    done
}
check "%p and %e" names
names_again()
{
    watch --record 'R.%p' -- "$A" a 1 1000000 exec "$A" a 1 2000000 exec "$A" a 1 3000000 end _exit 0
    pid=$(of_report report pid)
    image "R.$pid" 1000000 $pid
    image "R.$pid.2" 2000000 $pid
    image "R.$pid.3" 3000000 $pid
    only "R.$pid" "R.$pid.2" "R.$pid.3"
}
check "%p, the same process again" names_again
names_e()
{
    watch --record 'R.%e' -- "$A" a 1 1000000 fork { a 1 4000000 } end _exit 0
    child=$(of_report report "others[0].pid")
    image R.act 1000000
    image "R.act.$child" 5000000 $child
    only R.act "R.act.$child"
}
check "%e, a child of the same name" names_e
# The folder is the one in which weir run was started.
folders()
{
    mkdir here there
    (cd here && "$weir" run --json -o ../report --record F -- "$A" a 1 1000000 cd ../there fork { a 1 2000000 } exec "$A" a 1 3000000 end _exit 0)
    wants "files where the program went" "" "$(ls there)"
    pid=$(of_report report pid)
    image here/F 1000000
    image here/F.$pid.2 3000000
    wants "files where it was started" 3 "$(ls here | wc -l)"
}
check "chdir, then exec" folders

# weir run inside weir run.
nested()
{
    "$weir" run -o r1 --json --record outer -- "$weir" run --json -o r2 --record inner -- "$A" a 1 2000000 end exit_group 3
    wants "status" 3 $?
    report r2 "2000000 <= peak < 2100000"
    image inner 2000000 "$(of_report r2 pid)"
    trace outer "missing == 0"
    for file in outer*; do
        [ "$(of_trace "$file" "2000000 <= peak < 2100000")" != True ] || fail "$file is the inner program's"
    done
}
check "weir run in weir run" nested
nested_plain()
{
    "$weir" run -o r1 --json --record outer -- "$weir" run --json -o r2 -- "$A" a 1 2000000 end exit_group 3
    report r2 "2000000 <= peak < 2100000"
    trace outer "missing == 0"
}
check "weir run without a record in one with" nested_plain

# Without the rights of the start: recorded all the same, and no word in the middle.
rights()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    have setpriv || skip "no setpriv here"
    watch --record F -- setpriv --reuid 65534 --regid 65534 --clear-groups "$A" a 1 2000000 fork { a 1 4000000 } end exit_group 0 2>err
    wants "status" 0 $?
    wants "standard error" "" "$(cat err)"
    pid=$(of_trace F pid)
    image "F.$pid.2" 2000000 $pid
    report report "pid == $pid and name == 'act' and 2000000 <= peak < 2100000"
    child=$(of_report report "[p.pid for p in others if p.pid != $pid][0]")
    image "F.$child" 6000000 $child
}
check "another user, then exec" rights
own_rights()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    watch --record F -- "$A" a 1 1000000 user 65534 a 1 2000000 fork { a 1 4000000 } end exit_group 0 2>err
    wants "standard error" "" "$(cat err)"
    image F 3000000
    report report "3000000 <= peak < 3100000"
    child=$(of_report report "others[0].pid")
    image "F.$child" 7000000 $child
}
check "another user, no exec" own_rights
root_changed()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    mkdir jail
    watch --record F -- "$A" a 1 1000000 root jail a 1 2000000 fork { a 1 4000000 } end exit_group 0 2>err
    wants "standard error" "" "$(cat err)"
    image F 3000000
    child=$(of_report report "others[0].pid")
    image "F.$child" 7000000 $child
    wants "files in the new root" "" "$(ls jail)"
}
check "another root, no exec" root_changed

# What it starts cannot be followed: the report says which program, or has it.
cleared()
{
    watch --record F -- env -i "$A" a 1 2000000 end exit 0 2>err
    wants "status" 0 $?
    "$weir" run -o text -- env -i "$A" a 1 2000000 end exit 0 2>err
    [ "$(of_report report "any(2000000 <= p.peak < 2100000 for p in everyone)")" = True ] && {
        image "F.$(of_trace F pid).2" 2000000
        return
    }
    grep -q -w act text || {
        head -n 3 text
        fail "the report has not the program after env -i, and does not speak of it"
    }
}
check "a cleared environment" cleared
setuid()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    cp "$A" act-setuid && chown 65534 act-setuid && chmod u+s act-setuid || skip "no setuid program can be made"
    watch --record F -- "$A" a 1 1000000 exec ./act-setuid a 1 2000000 end exit 3 2>err
    wants "status" 3 $?
    image F 1000000
    "$weir" run -o text -- "$A" a 1 1000000 exec ./act-setuid a 1 2000000 end exit 3 2>err
    grep -q act-setuid text || {
        head -n 3 text
        fail "the report does not speak of the setuid program"
    }
}
check "exec of a setuid program" setuid

# Many: the program that was started is the report's, also after 4200 children and an exec.
many()
{
    cat >many.c <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    void *volatile own = malloc(1000000);
    for (int i = 0; i < 4200; i++) {
        if (fork() == 0)
            _exit(0);
        wait(NULL);
    }
    execv(argv[1], argv + 1);
    return own == NULL;
}
END
    $CC -O0 -w -o many many.c || fail "it does not compile"
    watch -- ./many "$A" a 1 3000000 end exit 7
    wants "status" 7 $?
    report report "name == 'act' and ending == 'exited' and 3000000 <= peak < 3100000"
}
limit=180
check "4200 children, then exec" many
finish
