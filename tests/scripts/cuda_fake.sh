#!/bin/sh
# The program of `make check-cuda`, on the fake driver: so that it is known to be right
# before it meets a device.
set -u
folder=$top_builddir/tests/device/fakecuda/.libs
[ -e "$folder/libcuda.so.1" ] || { echo "no shared libraries, so no fake driver"; exit 77; }
[ -z "${SANITIZER_FLAGS:-}" ] || { echo "a fake driver under a sanitizer: see unit_cuda"; exit 77; }
LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
out=$("$top_builddir/tests/device/real" --operations 20000 --share 20)
status=$?
printf '%s\n' "$out"
[ $status = 0 ] || exit 1
printf '%s\n' "$out" | grep -q 'all right'
