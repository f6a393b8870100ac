#!/bin/sh
# Stacks through libraries that come and go: two whose function has a frame of another size at one
# address, so that what was known of the first is wrong of the second (tests/process/stacks.c).
set -u
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
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
    $CC -O1 -fno-stack-protector -fPIC -shared -o "$scratch/$size.so" "$scratch/$size.c" || exit 99
done
"$top_builddir/libtool" --mode=execute "$top_builddir/tests/process/stacks" "$scratch/400.so" "$scratch/800.so"
