#!/bin/sh
# The guest's descriptors and files are its own: under `weir run --record` everything is as
# without weir, whatever it closes, opens or replaces, and the recording is whole.
# shellcheck disable=SC1083 # braces are words of act.c
. "$(dirname "$0")/lib.sh"
build act.c

# both ACTIONS...: the same output, status and files without weir, watched, and recorded.
both()
{
    for how in plain watched recorded; do
        mkdir -p "$how"
        case $how in
        plain) set -- "$@" ;;
        watched) set -- "$weir" run -o ../report1 -- "$@" ;;
        recorded) shift 5; set -- "$weir" run --json -o ../report --record ../trace -- "$@" ;;
        esac
        (cd "$how" && exec "$@") >$how.out 2>$how.err
        echo "status $?" >>$how.out
    done
    for how in watched recorded; do
        same "output" plain.out $how.out
        same "standard error" plain.err $how.err
        ls plain >plain.ls
        ls $how >$how.ls
        same "files" plain.ls $how.ls
        for file in $(cat plain.ls); do
            same "$how: a file" "plain/$file" "$how/$file"
        done
    done
    wants "status" "status 0" "$(tail -n 1 plain.out)"
    trace trace 'missing == 0 and dropped == 0'
    [ "${last:-yes}" = no ] || report report "peak == $(of_trace trace peak)"
}
act() { both "$bin/act" t 10 100 "$@" end exit 0; }
check "nothing of weir's is open" act fds lowest
check "after many blocks" act t 100000 50 fds lowest
check "in a thread" act thread { t 100000 50 fds lowest }
check "in a child" act fork { t 20000 50 fds lowest }
last=no # image of its process: the report is of a later one
check "after exec" act exec "$bin/act" t 20000 50 fds lowest
last=yes
check "after a failed exec" act failed /nonexistent a 2000 50 fds lowest
for how in closefrom close-each close-range; do
    check "$how 3, own files" act $how 3 own f 3 write 100 fds
    check "$how 3, own files, a child" act $how 3 own f 3 write 20 fork { fds write 20 } fds write 20
    check "$how 3, own files, a failed exec" act $how 3 own f 3 write 20 failed /none fds write 20
    check "$how 3, own files, killed" act $how 3 own f 3 write 20 fork { write 20 raise KILL } fds
done
check "closefrom 0" act t 20000 50 closefrom 0 own f 5 write 50
check "dup2 over all from 3 to 600" act over 3 600 own f 3 write 100 fds
check "dup2 over all from 3 to 600 before any block" both "$bin/act" over 3 600 own f 3 write 100 fds
check "files first, then blocks" both "$bin/act" own f 3 write 100 fds
check "a child of a child" act closefrom 3 own f 2 fork { write 10 fork { write 10 fds } } write 10
check "vfork" act closefrom 3 own f 2 vfork { failed /none end _exit 1 } fds write 20
check "posix_spawn" act closefrom 3 own f 2 fork { spawn "$bin/act" fds t 20000 50 } write 20
check "few descriptors" act nofile 4 own f 1 write 20 fds
check "no descriptor to be had" act nofile 3 t 20000 50 fds

# Standard descriptors that are closed when the program starts.
closed()
{
    for how in plain recorded; do
        mkdir $how
        run="$bin/act t 20000 50 own f 3 say hello err there write 20 end _exit 7"
        [ $how = plain ] || run="$weir run -o ../report --json --record ../trace -- $run"
        (
            cd $how || exit 99
            case $1 in
            in) exec $run >out 2>err <&- ;;
            out) exec $run 2>err >&- ;;
            err) exec $run >out 2>&- ;;
            all) exec $run <&- >&- 2>&- ;;
            esac
        )
        wants "status ($how)" 7 $?
    done
    for file in plain/*; do same "a file" $file recorded/${file#*/}; done
    grep -q hello plain/* || fail "hello is not there without weir"
    whole trace
    trace trace "allocations == $((20000 + 3 * 20 * 500))"
}
for which in in out err all; do
    check "closed standard descriptors: $which" closed $which
done

# The everyday uses of numbers 3 to 9 in a shell's script.
cat >"$scratch/saves" <<'END'
exec 3>f3
echo line 1 >&3
i=0; while [ $i -lt 300 ]; do i=$((i + 1)); x="$x$i "; done
echo line 2 >&3
exec 3>&-
echo "${#x}"
END
cat >"$scratch/stdout" <<'END'
exec 3>&1 4>&2 >out
echo to the file
i=0; while [ $i -lt 300 ]; do i=$((i + 1)); x="$x$i "; done
echo to the terminal >&3
echo to the errors >&4
exec 1>&3 3>&- 4>&-
cat out
END
cat >"$scratch/data" <<'END'
i=0; while [ $i -lt 500 ]; do i=$((i + 1)); echo "an important line $i"; done >data
exec 3<>data
read line <&3
i=0; while [ $i -lt 300 ]; do i=$((i + 1)); x="$x$i "; done
echo "read $line"
echo over >&3
END
cat >"$scratch/many" <<'END'
exec 3>f3 4>f4 5>f5 6>f6 7>f7 8>f8 9>f9
i=0
while [ $i -lt 100 ]; do
    i=$((i + 1)); x="$x$i "
    for f in 3 4 5 6 7 8 9; do eval "echo $i >&$f"; done
done
(echo from a child >&9; exec 9>&-; echo and again >&8)
cat <<HERE | tr a-z A-Z >&7
a document of ${#x}
HERE
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
END
cat >"$scratch/lost" <<'END'
exec 3>f3
(exec /nonexistent/program) 2>/dev/null
echo "status $?" >&3
command -v nothing-of-this-name || echo none >&3
nothing-of-this-name 2>/dev/null || echo none >&3
i=0; while [ $i -lt 300 ]; do i=$((i + 1)); x="$x$i "; done
ls >&3 3>&-
END
shell()
{
    have "$1" || skip "no $1 here"
    both "$@"
}
for shell in dash bash zsh; do
    for script in saves stdout data many lost; do
        check "$shell: exec 3, script \"$script\"" shell $shell "$scratch/$script"
    done
done
cat >"$scratch/bash" <<'END'
exec {log}>log
diff <(seq 1 2000) <(seq 1 2001 | sort -n) >&$log
while read -u 5 line; do x+=$line; done 5< <(seq 1 3000)
echo ${#x} >&$log
coproc cat; echo to the coprocess >&${COPROC[1]}; read -u ${COPROC[0]} line; echo "$line" >&$log
END
check "bash: descriptors it chooses, coproc" shell bash "$scratch/bash"
cat >"$scratch/daemon.py" <<'END'
import os, subprocess
os.closerange(3, 256)
fds = [os.open("f%d" % i, os.O_RDWR | os.O_CREAT) for i in range(4)]
keep = [("x" * (500 + i % 1000)).upper() for i in range(20000)]
print(fds, [os.pwrite(fd, b"mine", 100000) for fd in fds])
print(subprocess.run(["echo", "child"], stdout=subprocess.PIPE, close_fds=True).stdout)
print([os.fstat(fd).st_size for fd in fds])
END
check "python: closerange, a child with close_fds" both "$python" "$scratch/daemon.py"

# No file where the guest works, none in the folders for temporary ones.
files()
{
    mkdir tmp work
    in_memory >before
    (cd work && TMPDIR=$PWD/../tmp "$weir" run -o ../report --record ../trace -- sh -c 'ls -A . >ls; ls -A "$TMPDIR" >>ls; ls -A /dev/shm | grep -i weir >shm')
    in_memory >after
    wants "what the guest sees" "ls" "$(cat work/ls)"
    same "/dev/shm, as the guest sees it" before work/shm
    same "/dev/shm after it" before after
    wants "files after it, but those of the children" "after before report tmp trace work" \
        "$(printf '%s\n' * | grep -v '^trace\.[0-9.]*$' | tr '\n' ' ' | sed 's/ $//')"
    wants "temporary files after it" "" "$(ls -A tmp)"
}
check "no file beside the recording" files

# What the guest can see of itself.
environment()
{
    env >before
    "$weir" run -o /dev/null --record t -- env >during
    grep -v -e ^LD_ -e ^WEIR -e ^_= -e ^BIN_SH= -e ^DUALCASE= before | sort >a
    grep -v -e ^LD_ -e ^WEIR -e ^_= -e ^BIN_SH= -e ^DUALCASE= during | sort >b
    same "the environment" a b
}
check "the environment" environment

# A program that records itself keeps its file, but high up, and stops when the number is
# no longer its file's.
cat >"$scratch/self.c" <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>
int main(int argc, char **argv)
{
    int own[3] = {-1, -1, -1}, n = 0;
    char name[100];
    if (argc > 2 && weir_trace_start(argv[2], NULL) != 0)
        return 2;
    int lowest = open("/dev/null", O_RDONLY);
    for (int fd = 0; fd < 20000; fd++) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        char to[4096] = "";
        if (readlink(name, to, sizeof to - 1) > 0 && argc > 2 && strstr(to, argv[2])) {
            n++;
            printf("recording: %s, %s\n", fd >= 100 ? "high" : "low",
                   fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "inherited");
        }
    }
    printf("lowest %d, recordings %d\n", lowest, n);
    fflush(stdout);
    if (strcmp(argv[1], "close") == 0)
        closefrom(3);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "own.%d", i);
        own[i] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0666);
    }
    if (strcmp(argv[1], "over") == 0)
        for (int fd = 7; fd < 4096; fd++)
            dup2(own[fd % 3], fd);
    for (int i = 0; i < 100; i++)
        for (int k = 0; k < 3; k++) {
            if (write(own[k], "mine\n", 5) != 5)
                return 3;
            for (int j = 0; j < 1000; j++)
                if (argc > 2)
                    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100 + j));
                else
                    free(malloc(100 + j));
        }
    if (argc > 2)
        weir_trace_stop();
    return 0;
}
END
self()
{
    [ -n "$in_tree" ] || skip "only in the tree"
    $CC -std=gnu11 -w -o self "$scratch/self.c" -I"$top_srcdir/include" -I"$top_builddir/include" \
        -L"$top_builddir/.libs" -lweir -lweir-jemalloc -lpthread || fail "it does not compile"
    export LD_LIBRARY_PATH="$top_builddir/.libs"
    # shellcheck disable=SC3045 # dash and bash have it
    ulimit -n 4096
    case $2 in
    call) ./self $1 mine.trace >out 2>err ;;
    variable) LD_PRELOAD=$library WEIR_RECORD=mine.trace ./self $1 >out 2>err ;;
    esac
    wants "status" 0 $?
    for i in 0 1 2; do
        size=$(wc -c <own.$i)
        if [ "$1" = over ]; then [ "$size" -eq 500 ] || fail "own.$i has $size bytes, not 500"; fi
        wants "lines of own.$i" 100 "$(grep -acx mine own.$i)"
        wants "bytes of own.$i" 500 "$size"
    done
    case $1 in
    keep)
        wants "standard error" "" "$(cat err)"
        [ $2 = variable ] || whole mine.trace
        ;;
    *)
        # With the variable the malloc and libweir record, each into a file of its own.
        lines=1
        [ $2 = call ] || lines=2
        wants "lines on standard error" $lines "$(wc -l <err)"
        grep -q -i weir err || fail "it says: $(cat err)"
        "$weir" trace mine.trace >text 2>&1 || fail "what was recorded until then: $(head -n 1 text)"
        ;;
    esac
    [ $2 = variable ] || {
        [ "$1" = keep ] || true
        wants "the recording's descriptor" "recording: high, cloexec" "$(head -n 1 out)"
    }
    wants "the lowest number, and recordings" "lowest 3" "$(tail -n 1 out | cut -d , -f 1)"
}
for how in call variable; do
    check "it records itself by a $how" self keep $how
    check "it records itself by a $how, closes all" self close $how
    check "it records itself by a $how, dup2 over all" self over $how
done

# Its exec does not leave the file to the next program; its child does not write in it.
inherit()
{
    [ -n "$in_tree" ] || skip "only in the tree"
    LD_PRELOAD=$library WEIR_RECORD=mine.trace "$bin/act" a 100 50 fork { t 50000 20 fds } lowest >out
    wants "descriptors" "3" "$(tail -n 1 out)"
    trace mine.trace 'allocations == 100 and missing == 0'
}
check "the library alone: children" inherit
finish
