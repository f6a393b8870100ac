#!/bin/sh
# What cannot carry weir's malloc: refused before the start where weir run is asked for it,
# passed over in silence where a program starts it. What can carry it is followed, even
# where its environment was cleared.
. "$top_srcdir/tests/guest/functions"

cat >child.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    /* What the user wants preloaded stays. */
    const char *asked = getenv("LD_PRELOAD");
    char *volatile block = malloc(1234567);
    memset(block, 1, 100);
    printf("child %s %s\n", argc > 1 ? argv[1] : "", asked && strstr(asked, "libother") ? "other" : "");
    free(block);
    return 21;
}
END
$CC -O0 -pthread -o starter "$top_srcdir/tests/guest/starter.c" && $CC -O0 -o dynamic child.c || exit 99
cat >other.c <<'END'
int other(void);
int other(void) { return 0; }
END
$CC -shared -fPIC -o libother.so other.c || exit 99

kinds=
builds "$CC" -O0 -static -o static child.c && kinds="$kinds static"
have musl-gcc && builds musl-gcc -O0 -o musl child.c && kinds="$kinds musl"
builds "$CC" -m32 -O0 -o 32bit child.c && ./32bit >/dev/null; [ $? -eq 21 ] && kinds="$kinds 32bit"
for sanitizer in address thread; do
    builds "$CC" -O0 -fsanitize=$sanitizer -o $sanitizer child.c && kinds="$kinds $sanitizer"
    have clang && builds clang -O0 -fsanitize=$sanitizer -o clang-$sanitizer child.c &&
        kinds="$kinds clang-$sanitizer"
done
builds "$CC" -O0 -fsanitize=address -static-libasan -o address-inside child.c && kinds="$kinds address-inside"
have clang && builds clang -O0 -fsanitize=memory -o memory child.c && kinds="$kinds memory"
[ "$(id -u)" -eq 0 ] && cp dynamic setuid && chown 65534 setuid && chmod u+s,a+x setuid && kinds="$kinds setuid"
[ -n "$kinds" ] || skip_all "nothing here that cannot carry it"

words_of()
{
    case $1 in
    static) echo 'statically linked' ;;
    musl) echo 'another C library' ;;
    32bit) echo 'another kind of machine' ;;
    *address*) echo AddressSanitizer ;;
    *thread) echo ThreadSanitizer ;;
    memory) echo MemorySanitizer ;;
    setuid) echo setuid ;;
    esac
}

hows="execve execv execvp execvpe execl execlp execle fexecve execveat vfork handler thread spawn spawnp system"
for kind in $kinds; do
    printf '#!%s/%s\n' "$scratch" "$kind" >"script-$kind"
    chmod +x "script-$kind"
    refused "$kind is refused" 126 "$(words_of "$kind")" "./$kind"
    refused "a script that $kind runs is refused" 126 "$(words_of "$kind")" "./script-$kind"
    for how in $hows; do
        same "$kind by $how" ./starter $how own "./$kind" argument
    done
    same "$kind, environment cleared" ./starter execve none "./$kind" argument
    same "$kind, with a library of the user's" ./starter execve "LD_PRELOAD=$scratch/libother.so" "./$kind" x
    hows="execve execvp handler thread spawn system"
    same "$kind as a script" ./starter execvp own "./script-$kind"
    same "$kind of a shell" sh -c "./$kind a; ./$kind b | cat; (exec ./$kind c)"
    PATH=$scratch:$PATH same "$kind by PATH" ./starter execvp own "$kind" argument
    PATH=$scratch:$PATH same "$kind by PATH, spawned" ./starter spawnp own "$kind" argument
done

# Sanitizers that can do with another malloc.
for sanitizer in undefined leak; do
    for compiler in "$CC" clang; do
        have $compiler && builds $compiler -O0 -fsanitize=$sanitizer -o sanitized child.c &&
            same "$compiler's $sanitizer sanitizer" ./sanitized x
    done
done

# Followed: the block of the child's is in the report.
for how in execve execvpe execle fexecve execveat vfork handler thread spawn spawnp; do
    for environment in own none A=b LD_PRELOAD= "LD_PRELOAD=$scratch/libother.so"; do
        ./starter $how "$environment" ./dynamic x >plain.out 2>plain.err
        "$weir" run --json -o report -- ./starter $how "$environment" ./dynamic x >out 2>err
        status=$?
        if [ $status -eq 21 ] && cmp -s plain.err err &&
            grep -q '"program": *"dynamic"' report; then
            passed "followed by $how, environment $environment"
        else
            failed "followed by $how, environment $environment ($status)" out err report
        fi
    done
done
"$weir" run --json -o report --limit 1M -- env -i ./dynamic >out 2>err
grep -q '"program": *"dynamic"' report && grep -q '"limit": *1048576' report &&
    passed "env -i keeps the limit" || failed "env -i keeps the limit" out err report

same "an exec that fails" ./starter execve own ./nonexistent
same "an exec that fails, cleared" ./starter execve none ./nonexistent
same "a spawn that fails" ./starter spawnp none nonexistent

# Another root: the library is not there.
if [ "$(id -u)" -eq 0 ] && have chroot; then
    mkdir -p root && cp dynamic root
    ldd dynamic | grep -o '/[^ ]*' | while read -r file; do
        mkdir -p "root$(dirname "$file")" && cp -L "$file" "root$file"
    done
    chroot root /dynamic >/dev/null 2>&1
    [ $? -eq 21 ] && same "another root" chroot root /dynamic
fi
finish
