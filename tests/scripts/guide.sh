#!/bin/sh
# Every block of code in README.md and docs/guide, as a reader would use it: commands run in a clean
# folder with an installed weir, programs are compiled, linked and run, output that a page shows is
# compared (but for numbers). tests/scripts/guide.awk says how blocks are marked. One case a block.
#
# guide.sh --source COPY [PAGE...]: those that build weir, in a copy of the source (make check-guide).
# guide.sh --packages [PAGE...]: with the weir that this system's packages installed, and nothing that helps
# (tests/targets/check-deb). Words after that, or without it, are pages; without any: all.
set -u
copy=
if [ "${1-}" = --source ]; then
    copy=$(cd "$2" && pwd) || exit 99
    shift 2
    kind=source
    . "$top_srcdir/tests/helpers/tap.sh"
elif [ "${1-}" = --packages ]; then
    shift
    kind=packages
    . "$top_srcdir/tests/helpers/tap.sh"
else
    kind=installed
    . "$top_srcdir/tests/helpers/installed.sh"
    use_pkg_config
    PATH=$(dirname "$(find "$root" -name weir -path '*/bin/*')"):$PATH
    WEIR_MALLOC_LIBRARY=$(find "$root" -name libweir-malloc.so)
    export PATH WEIR_MALLOC_LIBRARY LD_LIBRARY_PATH="$lib"
fi
work=$scratch/pages
mkdir -p "$scratch/home"
export WEIR_CACHE="${WEIR_CACHE-${HOME-}/.cache/weir}" # what scripts/fetch-ort fetched once
export HOME="$scratch/home"

# The compilers that a page names are those that weir was built with.
if [ $kind != packages ]; then
    mkdir "$scratch/bin"
    for name in cc gcc; do ln -s "$(command -v "${CC%% *}")" "$scratch/bin/$name"; done
    if command -v "${CXX%% *}" >/dev/null; then
        for name in c++ g++; do ln -s "$(command -v "${CXX%% *}")" "$scratch/bin/$name"; done
    fi
    PATH=$scratch/bin:$PATH
    [ -e "$scratch/bin/c++" ] || CXX=
fi

# Blocks in Python need the shared library, and numpy 1.22 or later.
python=$(command -v /usr/bin/python3 || command -v python3)
no_python=
"${python:-false}" -c 'import sys, numpy; numpy.from_dlpack; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    no_python="no Python 3.11 or later with numpy 1.23 or later"
[ $kind = packages ] || [ -e "$top_builddir/.libs/libweir.so.0" ] || no_python="no shared library was built"

# whole NUMBER c|cc: the program that a block is, or stands in.
whole()
{
    if [ "$2" = cc ]; then
        echo '#include <weir/weir.hpp>'
        printf '#include <%s>\n' cstdio cstdlib cstring memory string vector thread memory_resource
    else
        echo '#include <weir/weir.h>'
        printf '#include <%s>\n' errno.h stdio.h stdlib.h string.h
    fi
    cat "$1.with"
    grep -q 'int main(' "$1.$2" || { echo 'int main(void) {'; cat "$1.first"; }
    echo "#line 1 \"block\""
    cat "$1.$2"
    grep -q 'int main(' "$1.$2" || echo 'return 0; }'
}

compile()
{
    whole "$1" "$2" >"$1.whole.$2"
    warnings="-O2 -Wall -Wextra -Wno-unused -Wno-unused-result -Wno-missing-field-initializers -Werror"
    # shellcheck disable=SC2046 # flags are words
    if [ "$2" = c ]; then
        cc -std=gnu11 $warnings -o "$1.program" "$1.whole.c" $(pkg-config --cflags --libs weir) -lpthread
    else
        c++ -std=c++17 $warnings -o "$1.program" "$1.whole.cc" $(pkg-config --cflags --libs weir) -lpthread
    fi
}

# Numbers differ from run to run, and so do columns; "..." stands for any lines.
plain()
{
    sed 's/0x[0-9a-f]*/N/g; s/[0-9][0-9,.]*/N/g; s/N [KMG]\{0,1\}i\{0,1\}B/N B/g; s/  */ /g; s/^ //; s/ $//' "$@"
}

printed()
{
    plain "$1.text" | grep -v -x -e '\.\.\.' -e '' >"$1.wanted"
    plain "$1.out" >"$1.plain"
    while IFS= read -r line; do
        grep -q -x -F -e "$line" "$1.plain" || { echo "it does not print: $line"; return 1; }
    done <"$1.wanted"
}

run_block()
{
    case $2 in
    sh) (cd "$folder" && timeout 900 sh -eu "$page_blocks/$1.sh") ;;
    c) compile "$1" c && (cd "$folder" && timeout 400 "$page_blocks/$1.program") ;;
    cpp) compile "$1" cc && (cd "$folder" && timeout 400 "$page_blocks/$1.program") ;;
    python)
        (
            [ $kind = packages ] || export PYTHONPATH="$top_srcdir/python" WEIR_LIBRARY="$lib/libweir.so.0"
            cd "$folder" && PYTHONDONTWRITEBYTECODE=1 timeout 400 "$python" "$page_blocks/$1.py"
        )
        ;;
    esac
}

blocks=0
# shellcheck disable=SC2048 # names of pages are words
for page in ${*:-README.md $(cd "$top_srcdir" && echo docs/guide/*.md)}; do
    page_blocks=$work/$(echo "${page%.md}" | tr / _)
    folder=$page_blocks/here
    mkdir -p "$folder"
    try "$page: its marks"
    awk -v kind=$kind -v folder="$page_blocks" -f "$top_srcdir/tests/scripts/guide.awk" "$top_srcdir/$page" || complain "guide.awk: status $?"
    [ -e "$page_blocks/list" ] || continue
    cd "$page_blocks" || exit 99
    if [ -n "$copy" ]; then rm -rf "$folder" && cp -R "$copy" "$folder"; fi
    while read -r number language line compared network; do
        blocks=$((blocks + 1))
        what="$page:$line: $language"
        if [ "$language" = cpp ] && [ -z "$CXX" ]; then
            skipped "$what" "no C++ compiler"
            continue
        fi
        if [ "$language" = python ] && [ -n "$no_python" ]; then
            skipped "$what" "$no_python"
            continue
        fi
        if [ "$network" = network ] && [ "${WEIR_TEST_NETWORK-0}" != 1 ]; then
            skipped "$what" "WEIR_TEST_NETWORK=1"
            continue
        fi
        if run_block "$number" "$language" >"$number.out" 2>&1 </dev/null &&
            { [ "$compared" = - ] || printed "$number" >"$number.differs"; }; then
            passed "$what"
        else
            tail -n 40 "$number.out" >"$number.end"
            [ -e "$number.differs" ] || : >"$number.differs"
            failed "$what" "$number.end" "$number.differs"
        fi
    done <"$page_blocks/list"
done
try "there was something to look at"
# Nothing found is a test that no longer looks.
[ $kind = source ] && least=4 || least=30
[ $# -gt 0 ] || [ "$blocks" -ge $least ] || complain "$blocks blocks are too few to be true"
finish
