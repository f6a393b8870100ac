#!/bin/sh
# Whose malloc is it? A program that brings its own is told from one whose malloc is
# weir's, however the program refers to it; C++ on a shared tcmalloc runs.
. "$top_srcdir/tests/guest/functions"

cat >plain.c <<'END'
#include <stdio.h>
#include <stdlib.h>
void *(*volatile take)(size_t) = malloc; /* its address, too */
void (*volatile give)(void *) = free;
void *(*volatile clear)(size_t, size_t) = calloc;
void *(*volatile change)(void *, size_t) = realloc;
int main(void)
{
    give(change(take(100), 200));
    free(clear(10, 10));
    free(realloc(malloc(10), 20));
    puts("done");
    return 0;
}
END
cat >own.c <<'END'
#include <stddef.h>
#include <string.h>
static char heap[1 << 24] __attribute__((aligned(16)));
static size_t used;
void *malloc(size_t size)
{
    size_t at = __atomic_fetch_add(&used, (size + 31) & ~(size_t)15, __ATOMIC_RELAXED);
    if (at > sizeof heap - 16 || size > sizeof heap - 16 - at)
        return NULL;
    memcpy(heap + at, &size, sizeof size);
    return heap + at + 16;
}
void free(void *block) { (void)block; }
void *calloc(size_t count, size_t size) { return malloc(count * size); }
void *realloc(void *block, size_t size)
{
    void *made = malloc(size);
    size_t before = 0;
    if (block)
        memcpy(&before, (char *)block - 16, sizeof before);
    return made && block ? memcpy(made, block, before < size ? before : size) : made;
}
END

before='' behind='' # what else is preloaded
# whose WHAT ours|own COMMAND...
whose()
{
    what=$1 wanted=$2
    shift 2
    rm -f line
    WEIR_REPORT=$scratch/line LD_PRELOAD="$before $library $behind" "$@" >out 2>err
    status=$?
    case $(cat line 2>/dev/null) in
    *"malloc of its own"*) found=own ;;
    *": peak "*) found=ours ;;
    *) found=nothing ;;
    esac
    if [ $status -eq 0 ] && [ $found = "$wanted" ]; then passed "$what: $wanted"; else
        echo "status $status, $found, not $wanted" >>err
        failed "$what: $wanted" out err line
    fi
}

builds "$CC" -O0 -o plain plain.c && whose "a program" ours ./plain
builds "$CC" -O0 -fno-pie -no-pie -o fixed plain.c && whose "a program at a fixed address" ours ./fixed
builds "$CC" -O2 -fno-plt -o direct plain.c && whose "a program without jumps" ours ./direct
builds "$CC" -O1 -fno-builtin -o own plain.c own.c && whose "a malloc in the program" own ./own
builds "$CC" -O1 -fno-builtin -fno-pie -no-pie -o own plain.c own.c &&
    whose "a malloc in the program at a fixed address" own ./own
builds "$CC" -O1 -fno-builtin -shared -fPIC -o libown.so own.c &&
    builds "$CC" -O0 -o linked plain.c ./libown.so && whose "a malloc linked, shared" ours ./linked
builds "$CC" -O0 -fno-pie -no-pie -o linked plain.c ./libown.so &&
    whose "a malloc linked, shared, at a fixed address" ours ./linked
for program in plain fixed; do
    behind=$scratch/libown.so
    whose "a malloc preloaded behind ($program)" ours ./$program
    before=$behind behind=
    whose "a malloc preloaded before ($program)" own ./$program
    before=
done
echo 'int empty(void); int empty(void) { return 0; }' >empty.c
builds "$CC" -shared -fPIC -o libempty.so empty.c && for program in plain fixed; do
    before=$scratch/libempty.so
    whose "a library without malloc before ($program)" ours ./$program
    before=
done
have python3 && whose "python" ours python3 -c 'print(1)'
have clang && builds clang -fsanitize=address -o sanitized plain.c && whose "clang's ASan" own ./sanitized

cat >operators.cc <<'END'
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <string>
#include <vector>
int main()
{
    std::vector<std::string> all;
    for (int i = 0; i < 1000; i++)
        all.push_back(std::string(i, 'x'));
    for (size_t size : {size_t(1), size_t(100), size_t(70000), size_t(9000000)}) {
        auto *block = static_cast<char *>(operator new(size)); // as RocksDB asks
        if (malloc_usable_size(block) < size)
            return 1;
        std::memset(block, 1, size);
        operator delete(block);
        std::free(operator new(size)); // wrong, and works everywhere
        block = static_cast<char *>(operator new(size));
        *block = 'y';
        block = static_cast<char *>(std::realloc(block, 2 * size));
        if (*block != 'y' || malloc_usable_size(block) < 2 * size)
            return 2;
        std::free(block);
    }
    std::puts("done");
    return 0;
}
END
cat >held.cc <<'END'
#include <cstdio>
#include <cstdlib>
int **held;
int main()
{
    held = static_cast<int **>(std::malloc(100 * sizeof *held));
    for (int i = 0; i < 100; i++)
        held[i] = new int(i);
    std::puts("done");
    return 0;
}
END
if [ -n "${CXX:-}" ] && [ "$CXX" != no ]; then
    builds "$CXX" -O0 -w -fsanitize=leak -o held held.cc &&
        same "blocks of new, held from malloc's, under LeakSanitizer" ./held
    builds "$CXX" -O0 -w -o operators operators.cc && whose "C++" ours ./operators
    for other in tcmalloc jemalloc; do
        builds "$CXX" -O0 -w -Wl,--no-as-needed -o operators operators.cc -l$other && {
            whose "C++ on a shared $other" own ./operators
            same "C++ on a shared $other" ./operators
        }
        builds "$CC" -O0 -Wl,--no-as-needed -o linked plain.c -l$other &&
            whose "C on a shared $other" ours ./linked
    done
fi
finish
