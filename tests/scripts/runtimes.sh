#!/bin/sh
# libtorch and OpenCV over weir, where they are installed: the same outputs as with their
# own allocators, exact figures that repeat, nothing left, a limit that is an exception.
# With WEIR_RUNTIMES_NEEDED set, one that is missing is a failure (make check-runtimes).
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "the runtimes are not built with the sanitizer"; exit 77; }
case $($CC -dumpmachine) in
"$(uname -m)"-*) ;;
*) echo "cross-compiled: the runtimes are for this machine"; exit 77 ;;
esac
command -v "${CXX%% *}" >/dev/null || { echo "no C++ compiler here"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failures=0
tested=0

fail()
{
    echo "FAILED: $*"
    sed 's/^/  /' "$scratch/out" "$scratch/err"
    failures=$((failures + 1))
}

# check PROGRAM HEADER LIMIT: the runtime with this header; a limit that does not do.
check()
{
    program=$1 header=$2 limit=$3
    if ! echo "#include <$header>" | $CXX -std=gnu++17 -I/usr/include/opencv4 -E -x c++ - \
        >"$scratch/out" 2>"$scratch/err"; then
        echo "no $header here: $program is not tested"
        [ -z "${WEIR_RUNTIMES_NEEDED-}" ] || fail "$header is needed"
        return
    fi
    tested=$((tested + 1))
    (cd "$top_builddir" && MAKEFLAGS= "$MAKE" -s "bench/runtimes/$program") || {
        failures=$((failures + 1))
        return
    }
    "$top_builddir/bench/runtimes/$program" --runs 4 --repeat 1 >"$scratch/out" \
        2>"$scratch/err" || fail "$program"
    grep -q "^outputs identical: 8 of 8 runs" "$scratch/out" || fail "$program: outputs differ"
    # "run N  live peak blocks allocations": the same live bytes and blocks, each run.
    awk '$1 == "run" && $2 ~ /^[0-9]+$/ { runs++; if (runs > 1 && $3 " " $5 != last) exit 1
            last = $3 " " $5; if ($4 < $3 || $6 == 0) exit 1 }
        END { exit runs < 3 }' "$scratch/out" || fail "$program: figures"
    grep -q "^left  *0 in 0 blocks" "$scratch/out" || fail "$program: memory is left"
    cat "$scratch/out"
    "$top_builddir/bench/runtimes/$program" --runs 1 --repeat 1 --limit "$limit" \
        >"$scratch/out" 2>"$scratch/err"
    status=$?
    [ $status -eq 1 ] && grep -q "bytes refused to \"$program\"" "$scratch/err" ||
        fail "$program: status $status under a limit"
    "$top_builddir/bench/runtimes/$program" --runs none >"$scratch/out" 2>"$scratch/err"
    [ $? -eq 2 ] || fail "$program: --runs none"
}

check opencv_darknet opencv2/dnn.hpp 50000000
check torch_resnet c10/core/CPUAllocator.h 40000000
[ $failures -eq 0 ] || exit 1
[ $tested -gt 0 ] || exit 77
