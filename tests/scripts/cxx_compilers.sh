#!/bin/sh
# weir.hpp is clean, pedantic C++17 (and later) to every compiler at hand, and the
# programs that use it pass when each of them built them.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "these programs are built without the sanitizer"
need_no_runner "these programs are built for this machine alone"
library=$top_builddir/.libs/libweir.so
[ -e "$library" ] || library=$top_builddir/.libs/libweir.a
tried=0

for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for standard in c++17 c++20; do
        tried=$((tried + 1))
        for program in allocators design objects; do
            if $compiler -std=$standard -Wall -Wextra -Wundef -pedantic -Werror -DWEIR_NO_LINK \
                -I"$top_builddir/include" -I"$top_srcdir/include" -o "$scratch/program" \
                "$top_srcdir/tests/cxx/$program.cc" "$library" -lpthread &&
                LD_LIBRARY_PATH=$top_builddir/.libs "$scratch/program" >/dev/null; then
                passed "$program, $compiler, $standard"
            else
                failed "$program, $compiler, $standard"
            fi
        done
    done
done
[ $tried -gt 0 ] || skip_all "neither g++ nor clang++ is here"
finish
