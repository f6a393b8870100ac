#!/bin/sh
# Processes that WEIR_HARDENED hardens: programs that nobody changed run, crimes end by the line and the
# signal, and the model of tests/api/oracle.c agrees after every operation.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
. "$top_srcdir/tests/helpers/expect.sh"
library=$top_builddir/.libs/libweir-malloc.so
crimes=$top_builddir/tests/security/crimes
[ -z "$SANITIZER_FLAGS" ] || skip_all "the host's malloc serves under a sanitizer"
[ "$(getconf PAGESIZE)" = 4096 ] || skip_all "pages are not 4 KiB"
ulimit -c 0

for how in 1 moves; do
    try "WEIR_HARDENED=$how: the oracle's figures are exact"
    expect 0 env WEIR_HARDENED=$how "$top_builddir/tests/api/oracle"
done

try "a value that there is not is told, and the program goes on"
expect 0 env WEIR_HARDENED=maybe "$top_builddir/weir" --version
WEIR_HARDENED=maybe "$top_builddir/tests/api/version" >"$scratch/out" 2>&1
grep -q '^weir: WEIR_HARDENED cannot be followed: "maybe"' "$scratch/out" || {
    complain "no line of it"
    show "$scratch/out"
}

if [ -e "$library" ] && [ -x "$crimes" ]; then
    try "a program that nobody changed runs, and forks"
    [ "$(WEIR_HARDENED=1 LD_PRELOAD=$library sh -c 'ls / | sort | wc -l; (echo sub)' | tail -n 1)" = sub ] ||
        complain "not as without"

    # ended NAME SIZE SIGNAL LINE: by that signal, with a line like that.
    ended()
    {
        try "$1 of $2 bytes ends by signal $3"
        {
            WEIR_HARDENED=1 LD_PRELOAD=$library "$crimes" "$1" "$2" 2>"$scratch/line"
            status=$?
        } >/dev/null 2>&1
        [ "$status" -eq $((128 + $3)) ] || complain "status $status"
        grep -qE "^$4" "$scratch/line" || {
            complain "another line"
            show "$scratch/line"
        }
    }
    at='0x[0-9a-f]+ \(allocator "cpu"\)'
    ended over-1-store 64 6 "weir: overflow: $at: byte 1 behind a block of 64 bytes was written\$"
    ended under-1-store 64 6 "weir: underflow: $at: what lies below a block of 64 bytes was written\$"
    ended write-after-free 64 6 "weir: write after free: $at: byte 0 was written of what was a block of 64 bytes\$"
    ended write-after-free 262144 11 ""
    ended over-1-store 262144 11 ""
    ended double-free 64 6 "weir: double free: $at\$"
fi
finish
