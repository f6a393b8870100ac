#!/bin/sh
# The examples of the tree: each prints what the .txt file beside it says, has at most 60 lines, a line
# in the table and a place in the Makefile that is installed; what 09-tags records names the holders.
set -u
cd "$top_builddir" || exit 99
examples=$top_srcdir/examples
. "$top_srcdir/tests/helpers/tap.sh"

# Those that need another's header are made now, where it is.
made()
{
    (MAKEFLAGS= flock examples "$MAKE" -s "$@") >"$scratch/log" 2>&1 || { complain "$*"; show "$scratch/log"; }
}
try "those that need another's header"
if [ -z "$SANITIZER_FLAGS" ] && [ "$($CC -dumpmachine | sed 's/-.*//')" = "$(uname -m)" ]; then
    ! echo '#include <dlpack/dlpack.h>' | $CC -E -xc - >/dev/null 2>&1 || made examples/13-dlpack
    if cache=$(sh "$top_srcdir/scripts/fetch-ort" --cached 2>/dev/null); then
        made ORT_CFLAGS="-I$cache/include" ORT_LIBS="-L$cache/lib -Wl,-rpath,$cache/lib" examples/11-onnxruntime
        MODEL=$cache/models/ch_ppocr_mobile_v2.0_cls_infer.onnx
        LD_LIBRARY_PATH=$cache/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        export MODEL LD_LIBRARY_PATH
    fi
    # A GPU's driver of our own.
    LD_LIBRARY_PATH=$top_builddir/tests/device/fakecuda/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
fi

programs=
n=0
for source in "$examples"/[0-9][0-9]-*.c "$examples"/[0-9][0-9]-*.cc "$examples"/conv2d.c "$examples"/conv2d.cc; do
    file=${source##*/}
    name=${file%.c*}
    [ "$file" != conv2d.cc ] || name=conv2d-cxx
    n=$((n + 1))
    try "$file: its length, its line, its place in the Makefile"
    grep -qF "[$file]($file)" "$examples/README.md" || complain "README.md has no line about $file"
    # Words of the variable `programs`, which may go on in further lines.
    grep -v '^#' "$examples/Makefile" | grep -qw -e "$name" || complain "the Makefile does not make $name"
    case $file in [0-9]*) [ "$(wc -l <"$source")" -le 60 ] || complain "$file has over 60 lines" ;; esac
    if [ -x "examples/$name" ]; then
        programs="$programs $name"
    else
        echo "not built here: $name"
    fi
done
try "what they print"
[ $n -eq 15 ] || complain "$n examples, not 15"
# The programs are words.
sh "$examples/check" examples $programs || complain "status $?"

try "a recording of 09-tags names the holders"
if [ -x ./weir ] && [ -z "${WEIR_RUNNER-}" ]; then
    examples/09-tags "$scratch/trace" >/dev/null && { ./weir trace "$scratch/trace" && ./weir trace --events "$scratch/trace"; } >"$scratch/report" ||
        complain "09-tags FILE, weir trace FILE"
    for word in conv1 conv2 dense inference; do
        grep -qw "$word" "$scratch/report" || { complain "weir trace says nothing of $word"; show "$scratch/report"; }
    done
else
    skip "weir does not run by itself here"
fi
finish
