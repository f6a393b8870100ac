/*
 * limits SIZE WANTED: takes and writes blocks of SIZE bytes until none is left, gives them all
 * back, and does it again. Expected: at least WANTED MiB each time, then ENOMEM. The caller sets
 * RLIMIT_AS or RLIMIT_DATA.
 */
#include "take.h"

static size_t take_all(size_t size)
{
    void **list = NULL, *block;
    size_t got = 0;
    errno = 0;
    while (got < 2048 * MIB && (block = TAKE(size))) {
        memset(block, 1, size);
        *(void **)block = list;
        list = block;
        got += size;
    }
    int error = errno;
    while ((block = list)) {
        list = *(void **)block;
        GIVE(block);
    }
    errno = error;
    return got;
}

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoull(argv[1], NULL, 10) : 100;
    size_t wanted = argc > 2 ? strtoull(argv[2], NULL, 10) * MIB : 0;
    size_t first = take_all(size);
    int error = errno;
    size_t second = take_all(size);
    printf("%zu MiB in blocks of %zu, then %zu (wanted %zu), errno %d\n", first / MIB, size,
           second / MIB, wanted / MIB, error);
    return said(first >= wanted && second >= wanted && error == ENOMEM);
}
