#!/bin/sh
# The library in a folder of its architecture: named by $LIB, so that a musl program that
# is started by a system call starts.
. "$top_srcdir/tests/guest/functions"

cat >starter.c <<'END'
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv)
{
    return argc > 1 ? (int)syscall(SYS_execve, argv[1], argv + 1, environ) : 99;
}
END
cat >child.c <<'END'
#include <stdlib.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    puts(argc > 1 && getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "none");
    return 21;
}
END
$CC -O0 -o starter starter.c && $CC -O0 -o child child.c || exit 99
folder=$(dirname "$(ldd starter | sed -n 's/.*=> \(\/.*\/libc\.so[^ ]*\).*/\1/p')")
folder=${folder#/usr}
mkdir -p "root$folder/weir" && cp "$library" "root$folder/weir/libweir-malloc.so" || exit 99
export WEIR_MALLOC_LIBRARY="$scratch/root$folder/weir/libweir-malloc.so"

"$weir" run --json -o report -- ./child x >out 2>err
# shellcheck disable=SC2016
if grep -q 'root/$LIB/weir' out; then
    passed "the library is named by \$LIB"
else # a loader whose $LIB is no folder of its own
    [ "$folder" = /lib ] || failed "the library is named by \$LIB" out err
fi
grep -q '"program": *"child"' report && passed "it is found so" || failed "it is found so" out err report
cd "root$folder/weir" || exit 99
WEIR_MALLOC_LIBRARY=./libweir-malloc.so "$weir" run -o ../report -- sh -c "cd / && $scratch/child" >out 2>err
[ -s err ] && failed "a path that is relative" err || passed "a path that is relative"
cd "$scratch" || exit 99

if have musl-gcc && builds musl-gcc -O0 -o musl child.c; then
    same "musl by a system call" ./starter ./musl
    same "musl by the library" sh -c ./musl
fi
finish
