#!/bin/sh
# weir.hpp is clean, pedantic C++17 (and later) to every compiler at hand, and the
# programs that use it pass when each of them built them.
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "these programs are built without the sanitizer"; exit 77; }
[ -z "${WEIR_RUNNER-}" ] || { echo "these programs are built for this machine alone"; exit 77; }
library=$top_builddir/.libs/libweir.so
[ -e "$library" ] || library=$top_builddir/.libs/libweir.a
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
tried=0 failed=0

for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for standard in c++17 c++20; do
        tried=$((tried + 1))
        for program in allocators design objects; do
            if $compiler -std=$standard -Wall -Wextra -Wundef -pedantic -Werror -DWEIR_NO_LINK \
                -I"$top_builddir/include" -I"$top_srcdir/include" -o "$scratch/program" \
                "$top_srcdir/tests/cxx/$program.cc" "$library" -lpthread &&
                LD_LIBRARY_PATH=$top_builddir/.libs "$scratch/program" >/dev/null; then
                echo "passed: $program, $compiler, $standard"
            else
                echo "FAILED: $program, $compiler, $standard"
                failed=$((failed + 1))
            fi
        done
    done
done
[ $tried -gt 0 ] || { echo "neither g++ nor clang++ is here"; exit 77; }
[ $failed -eq 0 ]
