#!/bin/sh
# numpy and weir pass arrays to each other without copying, both ways, from Python
# through the library loaded late.
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "python3 is not built with the sanitizer"; exit 77; }
[ -e "$top_builddir/.libs/libweir.so.0" ] || { echo "no shared library was built"; exit 77; }
for python in python3 /usr/bin/python3 none; do
    $python -c 'import numpy; numpy.from_dlpack' 2>/dev/null && break
done
[ $python != none ] || { echo "no python3 with numpy 1.23 or later here"; exit 77; }

exec $python "$top_srcdir/tests/scripts/dlpack_numpy.py" "$top_builddir/.libs/libweir.so.0"
