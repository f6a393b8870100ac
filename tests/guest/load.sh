#!/bin/sh
# Plugins opened with RTLD_DEEPBIND: blocks cross, and dlopen is still its caller's: the
# caller's RUNPATH and $ORIGIN, the C library's own errors.
. "$top_srcdir/tests/guest/functions"

mkdir -p a/inner own early || exit 99
source=$top_srcdir/tests/guest/load.c
for role in "PLUGIN -o plugin.so" "PLUGIN -o own/libguest.so" "PLUGIN -o a/inner/libinner.so.1" \
    "PLUGIN -o early/libinner.so" "MIDDLE -o a/middle.so -Wl,--enable-new-dtags,-rpath,\$ORIGIN/inner" \
    "EARLY -o early/libearly.so -Wl,--enable-new-dtags,-rpath,\$ORIGIN"; do
    # shellcheck disable=SC2086
    $CC -O0 -fPIC -shared -D$role "$source" -ldl || exit 99
done
# shellcheck disable=SC2016
$CC -O0 -o program "$source" early/libearly.so -ldl \
    -Wl,--enable-new-dtags,-rpath,'$ORIGIN/own:$ORIGIN/early' || exit 99

same "deep binding, RUNPATH, errors" ./program ./plugin.so a/middle.so
grep -q '^crossed$' out && grep -q 'by the library.s RUNPATH: opened' out &&
    grep -q "before the constructors: 1" out || failed "the program does what it should" out

if have php; then
    same "php" php -r 'echo 1, "\n";'
    same "php's modules" php -m
fi
finish
