#!/bin/sh
# Where a recording cannot be written: refused with 125 and the reason before the program starts,
# where that can be known; else the program goes on, and the report, weir's own status (123, if
# the program's is 0) and `weir trace` say what is missing and why.
# shellcheck disable=SC1083 # braces are words of act.c
. "$(dirname "$0")/lib.sh"
build act.c
A=$bin/act

# refused REASON WHERE: one line on standard error, which has both; the program did not start.
refused()
{
    ${as:-} "$weir" run --record "$2" -- "$A" touch started say started >out 2>err
    wants "status" 125 $?
    wants "what the program said" "" "$(cat out)"
    [ ! -e started ] || fail "the program was started"
    wants "lines on standard error" 1 "$(wc -l <err)"
    grep -q "$1" err || fail "no \"$1\" in: $(cat err)"
    grep -q -F "$2" err || fail "no \"$2\" in: $(cat err)"
}
check "no such folder" refused "No such file or directory" /nonexistent/folder/F
check "a folder" refused "Is a directory" /
check "a file as a folder" refused "Not a directory" /etc/passwd/F
check "/dev/full" refused . /dev/full
fifo() { mkfifo fifo; refused . ./fifo; }
check "a fifo that nobody reads" fifo
fifo_read()
{
    mkfifo fifo
    exec 3<>fifo # opened for both it is there at once
    refused . ./fifo
    exec 3>&-
}
check "a fifo with a reader" fifo_read
socket()
{
    "$python" -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")' || skip "no socket"
    refused . ./socket
}
check "a socket" socket
loop() { ln -s loop loop; refused "Too many levels of symbolic links" loop; }
check "a link to itself" loop
long() { refused "File name too long" "$(printf '%0300d' 1)"; }
check "a name that is too long" long
empty()
{
    "$weir" run --record "" -- "$A" touch started 2>err
    status=$?
    [ $status -eq 125 ] || [ $status -eq 2 ] || fail "status $status, not 125 or 2"
    [ ! -e started ] || fail "the program was started"
}
check "an empty name" empty
rights()
{
    mkdir shut && chmod 755 shut && chmod 777 .
    [ "$(id -u)" -eq 0 ] || chmod 555 shut
    as_nobody test -x "$weir" || skip "others cannot read the build"
    as=as_nobody
    refused "Permission denied" shut/F
    rm err out
    echo mine >shut/G && chmod 444 shut/G
    refused "Permission denied" shut/G
    wants "the file" mine "$(cat shut/G)"
}
check "no right to write" rights
read_only()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    mkdir disk && mount -t tmpfs -o size=1m,ro none disk 2>/dev/null || skip "no tmpfs can be mounted"
    trap 'umount disk' EXIT
    refused "Read-only file system" disk/F
}
check "a read-only file system" read_only
keeps()
{
    echo precious >F
    "$weir" run --record F -- /nonexistent/program 2>err
    wants "status" 127 $?
    wants "the file of before" precious "$(cat F)"
    "$weir" run --record F --nonsense -- true 2>err
    wants "the file of before" precious "$(cat F)"
}
check "no program, no recording" keeps
over()
{
    head -c 3000000 /dev/zero >F
    watch --record F -- "$A" a 10 100 end _exit 0
    whole F
    [ "$(wc -c <F)" -lt 100000 ] || fail "what was there before is still there"
}
check "a file of before is replaced" over

# disk SIZE: a file system of that many bytes, in `disk`.
disk()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    mkdir disk && mount -t tmpfs -o size=$1 none disk 2>/dev/null || skip "no tmpfs can be mounted"
    trap 'umount disk' EXIT
}
full()
{
    disk 16k
    head -c 100000 /dev/zero >disk/rest 2>/dev/null
    refused "No space left on device" disk/F
}
check "a disk that is full" full

# told WHY FILE: what is said of a recording that is not all there.
told()
{
    grep -q "$1" err || fail "the report has no \"$1\": $(grep -i -e record -e missing err | head -n 2)"
    grep -q -i missing err || fail "the report does not say what is missing: $(grep "$1" err)"
    "$weir" trace "$2" >text 2>text.err || fail "weir trace: $(cat text.err)"
    trace "$2" 'missing + dropped > 0 and events > 0 and not complete'
    trace "$2" "events + missing + dropped >= ${3:-1}"
    grep -q -i missing text || fail "weir trace does not say that events are missing"
    grep -q "$1" text || echo "note: weir trace does not say why"
}
# later PROGRAM'S-STATUS WEIR'S-STATUS
later()
{
    disk 64k
    "$weir" run --record disk/F -- "$A" t 200000 50 a 1 3000000 say 'done' end _exit $1 >out 2>err
    wants "status" $2 $?
    wants "what the program said" "done" "$(cat out)"
    grep -q '^weir run' err || fail "there is no report"
    told "No space left on device" disk/F 200001
}
check "the disk fills later" later 0 123
check "the disk fills later, the program fails" later 7 7
later_json()
{
    disk 64k
    watch --record disk/F -- "$A" t 200000 50 a 1 3000000 end _exit 0 2>err
    wants "status" 123 $?
    report report '3000000 <= peak < 3100000'
    grep -q "No space left on device" report || fail "the reason is not in the JSON"
}
check "the disk fills later, JSON" later_json
later_killed()
{
    disk 64k
    "$weir" run --record disk/F -- "$A" t 200000 50 a 1 3000000 raise TERM >out 2>err
    wants "status" 143 $?
    told "No space left on device" disk/F 200001
}
check "the disk fills later, the program is killed" later_killed
child_full()
{
    disk 64k
    "$weir" run --record disk/F -- "$A" a 10 100 fork { t 200000 50 } end _exit 0 >out 2>err
    wants "status" 123 $?
    grep -q "No space left on device" err || fail "the report does not say it of the child"
    whole disk/F
}
check "the disk fills in a child" child_full

# RLIMIT_FSIZE, without the rights to lift it.
fsize()
{
    chmod 777 .
    as_nobody test -x "$weir" || skip "others cannot read the build"
    case $1 in
    runs)
        as_nobody "$python" "$scratch/fsize.py" 65536 "$weir" run -o /dev/null -- "$A" a 1000 100 say 'done' end _exit 4 >out
        wants "status" 4 $?
        wants "what the program said" "done" "$(cat out)"
        ;;
    zero)
        as_nobody "$python" "$scratch/fsize.py" 0 "$weir" run -o /dev/null -- "$A" a 1000 100 end _exit 4 2>err
        wants "status" 4 $?
        ;;
    kept)
        for how in plain watched; do
            if [ $how = plain ]; then set --; else set -- "$weir" run -o /dev/null --; fi
            as_nobody "$python" "$scratch/fsize.py" 4096 "$@" sh -c 'ulimit -f; head -c 10000 /dev/zero >own; echo $?' >$how 2>/dev/null
            wc -c <own >>$how
            rm -f own
        done
        same "what the program may write" plain watched
        ;;
    small)
        as_nobody "$python" "$scratch/fsize.py" 1048576 "$weir" run --json -o report --record F -- "$A" a 1000 100 end _exit 0
        wants "status" 0 $?
        whole F
        trace F '1000 <= allocations < 1010'
        ;;
    refused)
        as="as_nobody $python $scratch/fsize.py 4096"
        refused "File too large" F
        ;;
    later)
        as_nobody "$python" "$scratch/fsize.py" 65536 "$weir" run --record F -- "$A" t 200000 50 say 'done' end _exit 0 >out 2>err
        wants "status" 123 $?
        wants "what the program said" "done" "$(cat out)"
        told "File too large" F 200000
        ;;
    esac
}
cat >"$scratch/fsize.py" <<'END'
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execvp(sys.argv[2], sys.argv[2:])
END
check "ulimit -f 64 KiB, no recording" fsize runs
check "ulimit -f 0, no recording" fsize zero
check "ulimit -f is the program's" fsize kept
check "ulimit -f 1 MiB, a small recording" fsize small
check "ulimit -f 4 KiB" fsize refused
check "ulimit -f 64 KiB, a large recording" fsize later

# Two on one path: the second is refused, the first is whole.
two()
{
    "$weir" run --json -o report --record F -- "$A" a 100 1000 touch one await go a 100 1000 end _exit 0 &
    first=$!
    while [ ! -e one ]; do sleep 0.01; done
    case $1 in
    path) name=F ;;
    other) name=$PWD/../"$(basename "$PWD")"/./F ;;
    link) ln -s F G; name=G ;;
    hard) while [ ! -e F ]; do sleep 0.01; done; ln F G; name=G ;;
    esac
    "$weir" run --record "$name" -- "$A" touch two 2>err
    status=$?
    touch go
    wait $first || fail "the first ended with $?"
    wants "status of the second" 125 $status
    [ ! -e two ] || fail "the second was started"
    wants "lines on standard error" 1 "$(wc -l <err)"
    whole F
    trace F "200 <= allocations < 210 and peak == $(of_report report peak)"
    "$weir" run --record F -- "$A" a 5 10 end _exit 0 2>/dev/null || fail "the next one on that path"
    trace F 'complete and 5 <= allocations < 10'
}
for how in path other link; do check "two on one file: $how" two $how; done
two_names()
{
    for i in 1 2 3; do
        "$weir" run --json -o report$i --record 'F.%p' -- "$A" a 100 ${i}000 touch s$i await go end _exit 0 &
    done
    for i in 1 2 3; do while [ ! -e s$i ]; do sleep 0.01; done; done
    touch go
    wait
    for i in 1 2 3; do
        pid=$(of_report report$i pid)
        whole F.$pid
        trace F.$pid "pid == $pid and peak == $(of_report report$i peak)"
    done
}
check "three at one time, %p" two_names
after_kill()
{
    "$weir" run -o /dev/null --record F -- "$A" a 10 100 touch one await go &
    first=$!
    while [ ! -e one ]; do sleep 0.01; done
    kill -KILL $first
    wait $first 2>/dev/null
    touch go
    # Until the last that has the file open is gone, it is taken: 125.
    n=0 status=125
    while [ $status -eq 125 ] && [ $((n += 1)) -le 2000 ]; do
        watch --record F -- "$A" a 50 100 end _exit 0 2>err
        status=$?
        [ $status -eq 0 ] || sleep 0.05
    done
    wants "status" 0 $status
    trace F 'complete and 50 <= allocations < 60'
}
check "after a weir run that was killed, the same file" after_kill

# Standard output as the file of the recording, when it is a file or a pipe.
stdout()
{
    "$weir" run -o /dev/null --record /dev/stdout -- "$A" touch started 2>err | cat >out
    [ ! -e started ] || fail "the program was started"
    wants "lines on standard error" 1 "$(wc -l <err)"
}
check "standard output, a pipe" stdout

# The report that cannot be written: 125, only if the program gave 0.
unwritable()
{
    "$weir" run -o /nonexistent/report -- "$A" end _exit 0 2>err
    wants "status" 125 $?
    "$weir" run -o /dev/full -- "$A" end _exit 0 2>err
    wants "status (/dev/full)" 125 $?
    "$weir" run -- "$A" end _exit 0 2>/dev/full
    wants "status (standard error is full)" 125 $?
    "$weir" run -o /dev/full -- "$A" end _exit 7 2>err
    wants "status (the program's 7)" 7 $?
}
check "a report nobody can write" unwritable
finish
