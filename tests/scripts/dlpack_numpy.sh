#!/bin/sh
# numpy and weir pass arrays to each other without copying, both ways, from Python
# through the library loaded late.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "python3 is not built with the sanitizer"
need_shared
for python in python3 /usr/bin/python3 none; do
    $python -c 'import numpy; numpy.from_dlpack' 2>/dev/null && break
done
[ $python != none ] || skip_all "no python3 with numpy 1.23 or later here"

try "arrays pass both ways without copying"
$python "$top_srcdir/tests/scripts/dlpack_numpy.py" "$top_builddir/.libs/libweir.so.0" || complain "status $?"
finish
