#!/bin/sh
# Stacks through libraries that come and go: two whose function has a frame of another size at one
# address, so that what was known of the first is wrong of the second (tests/process/stacks.c).
set -u
. "$top_srcdir/tests/helpers/tap.sh"
for size in 400 800; do
    cat >"$scratch/$size.c" <<END
void through(void (*back)(void))
{
    volatile char room[$size];
    room[0] = 1;
    back();
    room[1] = room[0];
}
END
    $CC -O1 -fno-stack-protector -fPIC -shared -o "$scratch/$size.so" "$scratch/$size.c" || skip_all "no compiler"
done
try "every stack as backtrace and libunwind have it"
"$top_builddir/libtool" --mode=execute ${WEIR_RUNNER-} "$top_builddir/tests/process/stacks" "$scratch/400.so" "$scratch/800.so"
status=$?
case $status in
0) ;;
77) skip "no stacks on this machine" ;;
*) complain "status $status" ;;
esac
finish
