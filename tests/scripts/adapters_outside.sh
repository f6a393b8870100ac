#!/bin/sh
# Installs into a scratch folder and builds outside programs against the installed
# adapters with pkg-config: each adapter whose runtime configure found.
set -u
case $($CC -dumpmachine) in
"$(uname -m)"-*) ;;
*) echo "cross-compiled: the runtimes are for this machine"; exit 77 ;;
esac
command -v pkg-config >/dev/null || { echo "no pkg-config here"; exit 77; }
. "$top_srcdir/tests/helpers/installed.sh"
tested=0
export PKG_CONFIG_PATH="$lib/pkgconfig"
# Only weir's own folders are under the root; the runtimes are the system's.
prefix=$(pkg-config --variable=prefix weir)
flags_of()
{
    pkg-config --cflags --libs "$1" | sed "s,\(-[IL]\)$prefix,\1$root$prefix,g"
}

# outside NAME COMPILER FLAGS SOURCE: builds against weir-NAME and runs.
outside()
{
    name=$1 compiler=$2 standard=$3 source=$top_srcdir/tests/outside/$4
    [ -e "$lib/pkgconfig/weir-$name.pc" ] || {
        echo "not found by configure: $name"
        return
    }
    tested=$((tested + 1))
    # shellcheck disable=SC2046 # flags are words
    if $compiler $standard -Wall -O1 -o "$scratch/program" "$source" $(flags_of "weir-$name") \
        >"$scratch/log" 2>&1 && LD_LIBRARY_PATH=$lib "$scratch/program" >"$scratch/log" 2>&1; then
        echo "passed: $name"
    else
        echo "FAILED: $name"
        echo "  $compiler $standard $source $(flags_of "weir-$name")"
        sed 's/^/  /' "$scratch/log"
        failures=$((failures + 1))
    fi
}

outside xnnpack "$CC" "" xnnpack.c
# Where ONNX Runtime's headers are, weir's .pc does not say.
outside onnxruntime "$CC" "$(sed -n 's/^ORT_CFLAGS = //p' "$top_builddir/Makefile")" onnxruntime.c
outside opencv "$CXX" -std=gnu++17 opencv.cc
outside torch "$CXX" -std=gnu++17 torch.cc
[ $failures -eq 0 ] || exit 1
[ $tested -gt 0 ] || exit 77
