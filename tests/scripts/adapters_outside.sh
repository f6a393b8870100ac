#!/bin/sh
# Installs into a scratch folder and builds outside programs against the installed
# adapters with pkg-config: each adapter whose runtime configure found.
set -u
. "$top_srcdir/tests/helpers/installed.sh"
need_this_machine "the runtimes are for this machine"
command -v pkg-config >/dev/null || skip_all "no pkg-config here"
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
        skipped "$name" "not found by configure"
        return
    }
    # The flags are meant to be split into words.
    if $compiler $standard -Wall -O1 -o "$scratch/program" "$source" $(flags_of "weir-$name") \
        >"$scratch/log" 2>&1 && LD_LIBRARY_PATH=$lib "$scratch/program" >"$scratch/log" 2>&1; then
        passed "$name"
    else
        echo "$compiler $standard $source $(flags_of "weir-$name")"
        failed "$name" "$scratch/log"
    fi
}

outside xnnpack "$CC" "" xnnpack.c
# Where ONNX Runtime's headers are, weir's .pc does not say.
outside onnxruntime "$CC" "$(sed -n 's/^ORT_CFLAGS = //p' "$top_builddir/Makefile")" onnxruntime.c
outside opencv "$CXX" -std=gnu++17 opencv.cc
outside torch "$CXX" -std=gnu++17 torch.cc
finish
