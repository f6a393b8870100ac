#!/bin/sh
# memory_tools.sh: ASan, LeakSanitizer and valgrind report faults in weir's blocks, with the
# function that did it; a program without faults runs in silence and to the same figures.
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "programs are built without this build's sanitizer"; exit 77; }
[ -e "$top_builddir/.libs/libweir.so.0" ] || { echo "no shared library was built"; exit 77; }
case $($CC -dumpmachine) in
"$(uname -m)"-*) ;;
*) echo "cross-compiled: the tools are for this machine"; exit 77 ;;
esac
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
unset WEIR_BACKING ASAN_OPTIONS LSAN_OPTIONS
failures=0
tools=0

complain()
{
    echo "$*"
    [ ! -s "$scratch/out" ] || sed 's/^/    /' "$scratch/out" | head -n 40
    failures=$((failures + 1))
}

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
    run "$@" "$fault"
    if [ "$status" -ne "$expected" ]; then
        complain "$tool: $fault: status $status, not $expected"
    elif ! has "$pattern"; then
        complain "$tool: $fault: no '$pattern'"
    elif ! has "[ :]$fault [(/]"; then
        complain "$tool: $fault: the report does not name the function"
    fi
}

uses='past_block past_large_block past_tensor past_block_of_pool'
parts='past_empty_block past_block_of_arena after_rewind after_release'
stale='after_free after_reallocate after_destroy'
lost='lost_block lost_tensor'

misuse()
{
    for name in 'free_twice:double free' 'free_inside:interior pointer' \
        'free_foreign:foreign pointer' 'free_of_another:block of another allocator'; do
        run sh -c '"$@"; exit $?' sh "$@" "${name%%:*}"
        has "weir: ${name#*:}: 0x" || complain "$tool: ${name%%:*}: no misuse line"
        [ "$status" -eq 134 ] || complain "$tool: ${name%%:*}: status $status, not 134"
    done
}

# The figures of the program without a tool, and not a word beside them.
silent()
{
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
    build "$1" "asan-$1" -fsanitize=address || { echo "skipped: $tool does not link"; return; }
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
        echo "skipped: $tool cannot look for leaks here"
    fi
    silent "$program"
    unset ASAN_OPTIONS
    tools=$((tools + 1))
}

leak()
{
    tool="$1 -fsanitize=leak" program=$scratch/lsan-$1
    build "$1" "lsan-$1" -fsanitize=leak || { echo "skipped: $tool does not link"; return; }
    probe "$program" || { echo "skipped: $tool cannot look for leaks here"; return; }
    for fault in $lost; do
        reported 23 'Direct leak of .* in [23] object' "$fault" "$program"
    done
    misuse "$program"
    silent "$program"
    tools=$((tools + 1))
}

memcheck()
{
    tool=valgrind program=$scratch/plain
    command -v valgrind >/dev/null || { echo "skipped: no valgrind"; return; }
    grep -q '^#define WEIR_VALGRIND 1' "$top_builddir/config.h" ||
        { echo "skipped: built without valgrind's headers"; return; }
    set -- valgrind -q --leak-check=full --error-exitcode=9 "$program"
    probe "$@" || { echo "skipped: valgrind does not run here"; return; }
    for fault in $uses $parts $stale; do
        reported 9 'Invalid \(read\|write\) of size' "$fault" "$@"
    done
    for fault in $lost; do
        reported 9 'in [23] blocks are definitely lost' "$fault" "$@"
    done
    run "$@" after_free
    has "free'd" || complain "$tool: after_free: not said where it was freed"
    misuse "$@"
    silent "$@"
    tools=$((tools + 1))
}

# No tool: by the environment.
by_environment()
{
    tool=WEIR_BACKING=malloc
    run env WEIR_BACKING=malloc "$scratch/plain" correct
    cmp -s "$scratch/out" "$scratch/figures" || complain "$tool: other figures"
    run env WEIR_BACKING=malloc "$scratch/plain" backing
    has '^malloc unsupported$' || complain "$tool: the backing is not malloc"
    misuse env WEIR_BACKING=malloc "$scratch/plain"
    [ -e "$top_builddir/.libs/libweir-malloc.so" ] || return
    run env WEIR_BACKING=malloc LD_PRELOAD="$top_builddir/.libs/libweir-malloc.so" true
    [ "$status" -eq 0 ] || complain "$tool: true under libweir-malloc.so: status $status"
    has 'weir: WEIR_BACKING=malloc cannot be had here' ||
        complain "$tool: libweir-malloc.so does not say that it cannot"
}

build "$CC" plain || { complain "the program cannot be built"; exit 1; }
"$scratch/plain" correct >"$scratch/figures" || exit 1
by_environment
for each in gcc clang; do
    command -v "$each" >/dev/null || { echo "skipped: no $each"; continue; }
    address "$each"
    leak "$each"
done
memcheck
echo "$tools tools, $failures failures"
[ "$failures" -eq 0 ]
