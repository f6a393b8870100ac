#!/bin/sh
# The installed examples are programs of anybody's: a copy of their folder, `make check` with nothing but
# pkg-config, no warning.
set -u
. "$top_srcdir/tests/helpers/installed.sh"
use_pkg_config
[ -e "$lib/libweir.so.0" ] || { echo "no shared library here"; exit 77; }
installed=$(find "$root" -path '*/doc/weir/examples' -type d)
[ -n "$installed" ] || { echo "make install puts no examples into doc/weir"; exit 1; }
cp -r "$installed" "$scratch/examples" && cd "$scratch/examples" || exit 99

set -- CC="$CC" CXX="$CXX"
path=$lib:$top_builddir/tests/device/fakecuda/.libs
if [ -e "$lib/pkgconfig/weir-onnxruntime.pc" ] &&
    cache=$(sh "$top_srcdir/scripts/fetch-ort" --cached 2>/dev/null); then
    set -- "$@" ORT_FLAGS="-I$cache/include -L$cache/lib" \
        MODEL="$cache/models/ch_ppocr_mobile_v2.0_cls_infer.onnx"
    path=$path:$cache/lib
fi
MAKEFLAGS= "${MAKE:-make}" -s "$@" >"$scratch/log" 2>&1
made=$?
[ ! -s "$scratch/log" ] || made=1
passed_or_failed $made "make, without a word"
LD_LIBRARY_PATH=$path MAKEFLAGS= "${MAKE:-make}" -s "$@" check >"$scratch/log" 2>&1
passed_or_failed $? "make check"
cat "$scratch/log"
[ "$(grep -c '^passed: ' "$scratch/log")" -ge 12 ] || { echo "too few to be true"; failures=1; }
MAKEFLAGS= "${MAKE:-make}" -s clean
left=$(find . -perm -u+x -type f)
[ -z "$left" ] || { echo "make clean leaves $left"; failures=1; }
[ $failures -eq 0 ]
