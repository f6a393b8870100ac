#!/bin/sh
# Compilers know weir's contract: they warn of each line of tests/scripts/attributes/mistakes.c as it says, of nothing in
# right.c, and what a compiler lacks is left out for it. To C++ no function throws.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
need_no_sanitizer "compilers warn of other things with the sanitizer"
here=$top_srcdir/tests/scripts/attributes
flags="-O2 -Wall -Wextra -c -I$top_builddir/include -I$top_srcdir/include"
tried=0

# kind COMPILER: "gcc", "clang", or nothing for a compiler that is neither or older than the attributes.
kind()
{
    "$1" -dM -E -x c /dev/null 2>/dev/null | awk '
        $2 == "__clang__" { clang = 1 }
        $2 == "__GNUC__" { version = $3 }
        END { print (clang ? "clang" : version >= 12 ? "gcc" : "") }'
}

# GCC's versions differ in which of two they say of a write past the end.
one_name()
{
    sed 's/-W\(array-bounds\|stringop-overflow\)=\{0,1\}$/-Wstringop-overflow/'
}

# warned COMPILER KIND: "LINE OPTION" of each warning against those that the mistakes say.
warned()
{
    try "$1 warns of every mistake"
    "$1" $flags -o "$scratch/mistakes.o" "$here/mistakes.c" 2>"$scratch/err"
    sed -n 's/^[^ ]*mistakes\.c:\([0-9]*\):.*warning: .*\[\(-W[^]]*\)\]$/\1 \2/p' "$scratch/err" |
        one_name | sort -un >"$scratch/found"
    sed -n "=; s/.*[* ]$2 \(-W[^ ]*\).*/\1/p" "$here/mistakes.c" | awk '/^[0-9]/ { line = $1; next } { print line, $1 }' |
        grep -v -- '-WNAME' | one_name | sort -un >"$scratch/expected"
    [ "$(wc -l <"$scratch/expected")" -ge 20 ] || complain "hardly a mistake is meant for $2"
    diff "$scratch/expected" "$scratch/found" >"$scratch/diff" || {
        complain "< expected only, > warned only"
        show "$scratch/diff"
    }
}

# silent WHAT COMMAND...: it succeeds and says nothing.
silent()
{
    what=$1
    shift
    echo "$*"
    "$@" >"$scratch/out" 2>&1 && [ ! -s "$scratch/out" ]
    passed_or_failed $? "$what" "$scratch/out"
}

for compiler in gcc clang; do
    command -v $compiler >/dev/null || { echo "not here: $compiler"; continue; }
    case $(kind $compiler) in "") echo "too old: $compiler"; continue ;; esac
    tried=$((tried + 1))
    warned $compiler "$(kind $compiler)"
    silent "$compiler: nothing to say of right uses" $compiler $flags -o "$scratch/o" "$here/right.c"
    silent "$compiler: opted out" $compiler $flags -DWEIR_NO_ATTRIBUTES -Wno-free-nonheap-object -Wno-mismatched-dealloc \
        -Wno-unknown-warning-option -o "$scratch/o" "$here/mistakes.c"
done
if command -v gcc >/dev/null; then
    silent "gcc: its analyzer has nothing to say of right uses" gcc $flags -fanalyzer -o "$scratch/o" "$here/right.c"
    silent "as to gcc 10" gcc $flags -U__GNUC__ -D__GNUC__=10 -o "$scratch/o" "$here/right.c"
fi

# Every function, by its type.
{
    printf '%s\n' '#include <weir/weir.h>' \
        'template <class R, class... A> constexpr bool nothrow(R (*)(A...) noexcept) { return true; }' \
        'template <class R, class... A> constexpr bool nothrow(R (*)(A...)) { return false; }'
    sh "$top_srcdir/abi/declarations" "$top_srcdir/include" "$top_builddir/include" |
        sed 's/.*[ *]\(weir_[A-Za-z0-9_]*\)(.*/static_assert(nothrow(\1), "\1");/'
} >"$scratch/nothrow.cc"
try "there are functions to look at"
[ "$(wc -l <"$scratch/nothrow.cc")" -gt 100 ] || complain "hardly a function"
for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    silent "$compiler: nothing throws" $compiler -std=c++17 $flags -o "$scratch/o" "$scratch/nothrow.cc"
    silent "$compiler: nothing to say of right uses" $compiler -std=c++17 $flags -o "$scratch/o" -x c++ "$here/right.c"
done

[ $tried -gt 0 ] || skipped "warnings of mistakes" "no compiler that knows them"
finish
