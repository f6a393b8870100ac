#!/bin/sh
# memory_tools.sh: ASan, LeakSanitizer and valgrind report faults in weir's blocks, with the
# function that did it; a program without faults runs in silence and to the same figures.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "programs are built without this build's sanitizer"
need_shared
need_this_machine "the tools are for this machine"
unset WEIR_BACKING ASAN_OPTIONS LSAN_OPTIONS

# build COMPILER NAME FLAGS...: the program as $scratch/NAME; libweir alone, as in a plugin.
build()
{
    compiler=$1 name=$2
    shift 2
    $compiler -std=gnu11 -g -O1 -fno-omit-frame-pointer "$@" -I"$top_builddir/include" \
        -I"$top_srcdir/include" "$top_srcdir/tests/scripts/memory_tools/program.c" -o "$scratch/$name" \
        -fPIC "$top_builddir/.libs/libweir.so.0" -Wl,-rpath,"$top_builddir/.libs" \
        -lpthread >"$scratch/out" 2>&1
}

# run COMMAND...: what it wrote to out, its status to $status.
run()
{
    status=0
    "$@" >"$scratch/out" 2>&1 || status=$?
}

has()
{
    grep -q -- "$1" "$scratch/out"
}

# reported STATUS PATTERN FAULT COMMAND...: the tool must report the fault and where it is.
reported()
{
    expected=$1 pattern=$2 fault=$3
    shift 3
    try "$tool: $fault"
    run "$@" "$fault"
    if [ "$status" -ne "$expected" ]; then
        complain "status $status, not $expected"
    elif ! has "$pattern"; then
        complain "no '$pattern'"
    elif ! has "[ :]$fault [(/]"; then
        complain "the report does not name the function"
    fi
    show "$scratch/out"
}

uses='past_block past_large_block past_tensor past_block_of_pool'
parts='past_empty_block past_block_of_arena after_rewind after_release'
stale='after_free after_reallocate after_destroy'
lost='lost_block lost_tensor'

misuse()
{
    for name in 'free_twice:double free' 'free_inside:interior pointer' \
        'free_foreign:foreign pointer' 'free_of_another:block of another allocator'; do
        try "$tool: ${name%%:*}"
        run sh -c '"$@"; exit $?' sh "$@" "${name%%:*}"
        show "$scratch/out"
        has "weir: ${name#*:}: 0x" || complain "no misuse line"
        [ "$status" -eq 134 ] || complain "status $status, not 134"
    done
}

# The figures of the program without a tool, and not a word beside them.
silent()
{
    try "$tool: a correct program"
    run "$@" correct
    [ "$status" -eq 0 ] || complain "$tool: correct: status $status"
    cmp -s "$scratch/out" "$scratch/figures" || complain "$tool: correct: not the figures alone"
    run "$@" backing
    has '^malloc unsupported$' || complain "$tool: the backing is not malloc"
    run env WEIR_BACKING=pool "$@" backing
    has ' told$' || complain "$tool: WEIR_BACKING=pool is not heeded"
}

# Where leaks cannot be looked for (under ptrace, in some containers) the tool says so.
probe()
{
    run "$@" probe
    [ "$status" -ne 0 ] && has "33,*333"
}

address()
{
    tool="$1 -fsanitize=address" program=$scratch/asan-$1
    build "$1" "asan-$1" -fsanitize=address || { skipped "$tool" "it does not link"; return; }
    probe "$program" || export ASAN_OPTIONS=detect_leaks=0
    for fault in $uses; do
        reported 1 'AddressSanitizer: heap-buffer-overflow' "$fault" "$program"
    done
    for fault in $parts; do
        reported 1 'AddressSanitizer: use-after-poison' "$fault" "$program"
    done
    for fault in $stale; do
        reported 1 'AddressSanitizer: heap-use-after-free' "$fault" "$program"
    done
    try "$tool: where it was freed"
    run "$program" after_free
    for stack in 'freed by' 'previously allocated by'; do
        sed -n "/^$stack/,/^\$/p" "$scratch/out" | grep -q ' in after_free ' ||
            complain "$tool: the stack of '$stack' does not lead to the program"
    done
    run sh -c '"$@"; exit $?' sh "$program" free_twice
    has 'freed by thread' || complain "$tool: free_twice: not said where it was freed first"
    misuse "$program"
    if [ -z "${ASAN_OPTIONS-}" ]; then
        for fault in $lost; do
            reported 1 'Direct leak of .* in [23] object' "$fault" "$program"
        done
    else
        skipped "$tool: leaks" "it cannot look for them here"
    fi
    silent "$program"
    unset ASAN_OPTIONS
}

leak()
{
    tool="$1 -fsanitize=leak" program=$scratch/lsan-$1
    build "$1" "lsan-$1" -fsanitize=leak || { skipped "$tool" "it does not link"; return; }
    probe "$program" || { skipped "$tool" "it cannot look for leaks here"; return; }
    for fault in $lost; do
        reported 23 'Direct leak of .* in [23] object' "$fault" "$program"
    done
    misuse "$program"
    silent "$program"
}

memcheck()
{
    tool=valgrind program=$scratch/plain
    command -v valgrind >/dev/null || { skipped valgrind "not here"; return; }
    grep -q '^#define WEIR_VALGRIND 1' "$top_builddir/config.h" ||
        { skipped valgrind "built without its headers"; return; }
    set -- valgrind -q --leak-check=full --error-exitcode=9 "$program"
    probe "$@" || { skipped valgrind "it does not run here"; return; }
    for fault in $uses $parts $stale; do
        reported 9 'Invalid \(read\|write\) of size' "$fault" "$@"
    done
    for fault in $lost; do
        reported 9 'in [23] blocks are definitely lost' "$fault" "$@"
    done
    try "$tool: where it was freed"
    run "$@" after_free
    has "free'd" || complain "$tool: after_free: not said where it was freed"
    misuse "$@"
    silent "$@"
}

# No tool: by the environment.
by_environment()
{
    tool=WEIR_BACKING=malloc
    try "$tool: the same figures"
    run env WEIR_BACKING=malloc "$scratch/plain" correct
    cmp -s "$scratch/out" "$scratch/figures" || complain "$tool: other figures"
    run env WEIR_BACKING=malloc "$scratch/plain" backing
    has '^malloc unsupported$' || complain "$tool: the backing is not malloc"
    misuse env WEIR_BACKING=malloc "$scratch/plain"
    [ -e "$top_builddir/.libs/libweir-malloc.so" ] || return
    try "$tool: not under libweir-malloc.so"
    run env WEIR_BACKING=malloc LD_PRELOAD="$top_builddir/.libs/libweir-malloc.so" true
    [ "$status" -eq 0 ] || complain "$tool: true under libweir-malloc.so: status $status"
    has 'weir: WEIR_BACKING=malloc cannot be had here' ||
        complain "$tool: libweir-malloc.so does not say that it cannot"
}

try "the program without a tool"
build "$CC" plain && "$scratch/plain" correct >"$scratch/figures" || {
    complain "it cannot be built or run"
    show "$scratch/out"
    finish
}
by_environment
for each in gcc clang; do
    command -v "$each" >/dev/null || { skipped "$each" "not here"; continue; }
    address "$each"
    leak "$each"
done
memcheck
finish
