#!/bin/sh
# The program of `make check-cuda`, on the fake driver: so that it is known to be right
# before it meets a device.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
folder=$top_builddir/tests/device/fakecuda/.libs
[ -e "$folder/libcuda.so.1" ] || skip_all "no shared libraries, so no fake driver"
need_no_sanitizer "a fake driver under a sanitizer: see unit_cuda"
LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
try "the program of make check-cuda is right on a driver that is"
"$top_builddir/tests/device/real" --operations 20000 --share 20 >"$scratch/out" 2>&1 || complain "status $?"
cat "$scratch/out"
grep -q 'all right' "$scratch/out" || complain "it does not say that all is right"
finish
