#!/bin/sh
# Every way in which a program can end, under `weir run --record`: the status is the one it has
# without weir, report and recording are exact and equal, 9973 blocks before the end are in
# both. Each way is run with the 9973 blocks and without; a block of a megabyte, which lives,
# keeps what a start takes for a moment out of the peak.
# shellcheck disable=SC1083 # braces are words of act.c
. "$(dirname "$0")/lib.sh"
build act.c

# ends ACTIONS...: "BLOCKS" in them is where the 9973 blocks come.
ends()
{
    "$python" - "$@" <<'END' && return
import os, re, sys
sys.path.insert(0, os.environ["guest_dir"])
import report

def run(n):
    words = [os.environ["bin"] + "/act", "a", "1", "1000000"]
    for word in sys.argv[1:]:
        words += ["a", n, "100"] if word == "BLOCKS" else [word]
    weir = [os.environ["WEIR"], "run", "--json", "-o", "r" + n, "--record", "t" + n]
    return report.status_of(words), report.status_of(weir + words)

def must(holds, *what):
    if not holds:
        print("why:", *what)
        sys.exit(1)

for n in "0", "9973":
    plain, status = run(n)
    must(plain == status, 'plain "%s", under weir run "%s"' % (plain, status))
before, after = report.read_report("r0"), report.read_report("r9973")
must(before["program"] and after["program"], "the report has no program")
must(after["peak"] - before["peak"] == 997300 and after["blocks"] - before["blocks"] == 9973,
     "the report's peak moved from %d in %d to %d in %d, not by 997300 in 9973" %
     (before["peak"], before["blocks"], after["peak"], after["blocks"]))
must(after["live"] >= 1997300 or "free" in sys.argv, "the report says live:", after["live"])
must((after["ending"] == "exited") == status.startswith("exit"), status, after["ending"])
t0, t = report.read_trace("t0"), report.read_trace("t9973")
must(t["allocations"] - t0["allocations"] == 9973,
     "9973 blocks are %d of the recording's" % (t["allocations"] - t0["allocations"]))
must((t["peak"], t["peak_blocks"]) == (after["peak"], after["blocks"]),
     "the recording's peak is %d in %d, the report's %d in %d" %
     (t["peak"], t["peak_blocks"], after["peak"], after["blocks"]))
must(t["missing"] == 0 and t["dropped"] == 0, "missing", t["missing"], "dropped", t["dropped"])
more = [f for f in os.listdir(".") if not re.fullmatch(r"[rt](0|9973)|t(0|9973)\.[0-9.]+", f)]
must(not more, "files are left:", *more)
END
    exit 1
}

for way in return exit _exit _Exit quick_exit exit_group thread; do
    check "$way" ends BLOCKS end $way 5
done
check "status 0" ends BLOCKS end _exit 0
check "status 255" ends BLOCKS end exit_group 255
check "a thread calls exit" ends beside { BLOCKS end exit 6 }
check "a thread calls _exit" ends beside { BLOCKS end _exit 6 }
check "a thread calls exit_group" ends beside { BLOCKS end exit_group 6 }
check "main ends, then the last thread" ends leave { a 1 1000000 BLOCKS }
check "main ends, then a thread exits" ends leave { a 1 1000000 BLOCKS end exit_group 6 }
check "main ends, much later a thread exits" ends leave { sleep 200 a 1 1000000 sleep 200 BLOCKS end exit_group 6 }
check "blocks of a thread that ended" ends thread { BLOCKS } end exit_group 4

for signal in TERM INT HUP QUIT PIPE USR1 USR2 ALRM KILL SEGV ABRT XCPU SYS VTALRM POLL RT0 RT5; do
    check "SIG$signal" ends BLOCKS raise $signal end _exit 99
done
check "SIGKILL after a failed exec" ends failed /nonexistent/program BLOCKS raise KILL
check "SIGKILL of a process with threads" ends beside { BLOCKS thread { raise KILL } }
check "SIGKILL by a child" ends BLOCKS fork { kill parent KILL } pause
check "SIGKILL by a child, after the peak" ends BLOCKS free fork { kill parent KILL } pause
check "SIGTERM by a child" ends BLOCKS fork { kill parent TERM } pause
for fault in null stack trap divide bus; do
    check "a fault: $fault" ends BLOCKS fault $fault end _exit 99
done
check "abort" ends BLOCKS end abort 0
check "abort, its handler calls _exit" ends on ABRT { end _exit 9 } BLOCKS end abort 0
check "abort, its handler calls exit" ends on ABRT { end exit 9 } BLOCKS end abort 0
check "abort, its handler comes back" ends on ABRT { say again } BLOCKS end abort 0
check "abort in a handler of a fault" ends on SEGV { end abort 0 } BLOCKS fault null
check "blocks in a handler of a fault, then abort" ends on SEGV { BLOCKS end abort 0 } fault null
check "_exit in a handler of SIGTERM" ends on TERM { end _exit 8 } BLOCKS raise TERM
check "exit_group in a handler of SIGTERM" ends on TERM { end exit_group 8 } BLOCKS raise TERM
check "a child that does the same was before" ends fork { a 500 100 } BLOCKS end exit_group 3
check "a child by vfork was before" ends vfork { end _exit 1 } BLOCKS raise KILL

# All that it does comes long before its end.
idle()
{
    "$weir" run --json -o report --record trace -- "$bin/act" a 1 200000000 sleep 600 raise $1
    report report "200000000 <= peak < 200100000 and live == peak"
    trace trace "peak == $(of_report report peak) and missing == 0"
}
check "200 MB, idle, SIGTERM" idle TERM
check "200 MB, idle, SIGKILL" idle KILL

# A freed block is no longer live in the figures of one that was killed.
freed()
{
    "$weir" run --json -o report --record trace -- "$bin/act" a 1 70000000 free a 3 1000 raise KILL
    report report "70000000 <= peak < 70100000 and 3000 <= live < 13000"
    trace trace "peak == $(of_report report peak) and end == $(of_report report live)"
}
check "the live blocks of one that was killed" freed

# The report's line on the memory is of its end, or says when it was written.
memory()
{
    "$weir" run -o text -- "$bin/act" a 1 70000000 end exit 0
    grep -q '^  memory     66\.8 MiB in use, .* book-keeping$' text || fail "$(grep memory text)"
    "$weir" run -o text -- "$bin/act" a 1 70000000 raise KILL
    grep -q '^  memory  .* book-keeping, after [0-9.]* s$' text || fail "$(grep memory text)"
}
check "the memory of one that was killed" memory

# What malloc grows by between two looks is not what the program mapped itself.
outside()
{
    watch -- "$bin/act" a 400000 100 a 20000 10000 a 3000 100000 a 300000 100 end exit 0
    report report "raw['program']['outside_malloc_most'] < 4 << 20"
    watch -- "$bin/act" a 1000 100 map 50000000 sampled a 3000 100000 end exit 0
    report report "45000000 < raw['program']['outside_malloc_most'] < 52000000"
}
check "what the program mapped itself" outside

# Where most of what is resident is not malloc's, one line says what it is.
beside()
{
    "$weir" run -o text --record r -- "$bin/act" a 1000 100 map 50000000 sampled end exit 0
    grep -q '^             4[5-9]\.[0-9] MiB of it the program mapped itself, outside malloc' text || fail "$(grep -A3 resident text)"
    grep -q '^             (weir trace .*/r says who mapped what)$' text || fail "$(grep -A3 resident text)"
    "$weir" run -o text -- "$bin/act" a 1000 100 sampled end exit 0
    grep -q 'the program mapped itself' text && fail "$(grep -A3 resident text)"
    exit 0
}
check "what is resident outside malloc" beside

# A child has figures of its own, of when it was killed; its recording too.
child()
{
    watch --record t -- "$bin/act" a 1 50000000 fork { free a 7 1000000 raise KILL } a 1 3 end _exit 0
    report report "len(others) == 1 and others[0].ending != 'exited'"
    report report "others[0].live == 7000000 + live - 50000003 and live >= 50000003"
    child=$(of_report report 'others[0].pid')
    trace "t.$child" "pid == $child and allocations == 7 and frees == 1 and missing == 0"
    trace t "pid == $(of_report report pid) and missing == 0 and peak == $(of_report report peak)"
}
check "a child that is killed" child

# A child that weir is not told of does not count in its parent's, and has children of a name.
unseen()
{
    watch --record t -- "$bin/act" a 1 1000 $1 { a 5000 10 fork { a 1 2000000 } } a 1 3 end _exit 0
    wants "status" 0 $?
    report report "len(others) == 1 and others[0].name == 'act' and others[0].peak > 2000000"
    report report "peak < 100000"
    whole t
    trace t "allocations == 2 and peak == $(of_report report peak)"
}
check "a child by the bare system call" unseen clone
check "a child by the C library's clone" unseen clone-on-stack

# In another PID namespace, whose number 1 is not ours.
namespace()
{
    have unshare && unshare -p -f true 2>/dev/null || skip "no PID namespace can be made here"
    watch --record t -- unshare -p -f sh -c '"$1" a 1 1000000; "$1" a 1 2000000; :' sh "$bin/act"
    report report "len(others) == 4 and {p.name for p in others} == {'unshare', 'sh', 'act'}"
    report report "all(p.ending in ('exited', 'became another program') for p in everyone)"
    for recording in t t.*; do whole "$recording"; done
}
check "another PID namespace" namespace

# The out-of-memory killer, of a memory cgroup of 64 MiB (version 1 or 2).
oom()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    for at in /sys/fs/cgroup/memory /sys/fs/cgroup/unified /sys/fs/cgroup; do
        group=$at/weir-test-$$
        mkdir "$group" 2>/dev/null || continue
        if [ -e "$group/memory.limit_in_bytes" ]; then
            echo 67108864 >"$group/memory.limit_in_bytes" && break
        elif [ -e "$group/memory.max" ]; then
            echo 67108864 >"$group/memory.max" && break
        fi
        rmdir "$group"
        group=
    done
    [ -n "${group:-}" ] && [ -d "$group" ] || skip "no memory cgroup can be made here"
    trap 'rmdir "$group"' EXIT
    plain=$(status_of "$bin/act" cgroup "$group/cgroup.procs" map 400000000)
    [ "$plain" = "signal 9" ] || skip "no out-of-memory killer here: $plain"
    ends cgroup "$group/cgroup.procs" BLOCKS map 400000000
    rmdir "$group"
    trap - EXIT
}
check "the out-of-memory killer" oom

# Its child lives on: the program's own end is reported, nobody waits for the child.
daemon()
{
    watch --record t -- "$bin/act" a 1000 100 leave-behind { session close 0 close 1 close 2 \
        await go2 a 1000 100 touch 'done' } end _exit 4
    wants "status" 4 $?
    report report "pid and peak >= 100000 and ending == 'exited'"
    whole t
    trace t "allocations == 1000"
    touch go2
    n=0
    while [ $n -lt 1000 ]; do [ -e done ] && return; sleep 0.2; n=$((n + 1)); done
    fail "the child that was left behind did not go on"
}
check "a child that lives on" daemon

# The wait is over only when report and recording are: 20 times, nothing in between.
complete()
{
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        "$weir" run --json -o r$i --record t$i -- "$bin/act" a 1 1000000 a 20000 50 raise KILL
        mv r$i ready.r && mv t$i ready.t || fail "round $i: report or recording is not there"
        size=$(wc -c <ready.t)
        report ready.r "peak >= 2000000"
        trace ready.t "allocations == 20001 and missing == 0"
        wants "size of the recording later" "$size" "$(wc -c <ready.t)"
    done
}
check "the wait is over when all is there" complete

# Nothing stays: no file in the folders of shared memory, no process.
nothing()
{
    mkdir tmp
    export TMPDIR=$PWD/tmp
    in_memory >before
    "$weir" run -o /dev/null --record t -- "$bin/act" a 1000 100 fork { a 10 10 } raise KILL
    in_memory >after
    same "files of weir" before after
    wants "temporary files" "" "$(ls -A tmp)"
    for process in /proc/[0-9]*; do
        [ "$(readlink $process/cwd)" = "$PWD" ] || continue
        case $(readlink $process/exe) in
        */weir | */act) fail "a process is left: $(tr '\0' ' ' <$process/cmdline)" ;;
        esac
    done
}
check "nothing stays after a kill" nothing
finish
