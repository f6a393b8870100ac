/*
 * grow [CEILING_MS]: an array grows by realloc from 1 to 384 MiB in steps of 1 MiB, each written,
 * with another block that comes to lie behind it; then two arrays in turn to 160 MiB. Expected: no
 * more than CEILING_MS milliseconds of processor time (without: any; it is printed first, so that
 * another malloc can set the ceiling), and at most 1.8 times the array resident: while it
 * outgrows a region once it is there twice.
 */
#include "take.h"

static void *volatile behind;

static void grow_one(size_t most)
{
    char *array = NULL;
    for (size_t size = MIB; size <= most; size += MIB) {
        array = RESIZE(array, size);
        if (!array || (size > MIB && array[size - MIB - 1] != 1))
            exit(1);
        memset(array + size - MIB, 1, MIB);
        if (size == 40 * MIB)
            behind = TAKE(100 * KIB);
    }
    GIVE(array);
}

static void grow_two(size_t most)
{
    char *array[2] = {NULL, NULL};
    for (size_t size = MIB; size <= most; size += MIB)
        for (int i = 0; i < 2; i++) {
            array[i] = RESIZE(array[i], size);
            if (!array[i])
                exit(1);
            memset(array[i] + size - MIB, 1, MIB);
        }
    GIVE(array[0]);
    GIVE(array[1]);
}

int main(int argc, char **argv)
{
    size_t ceiling = argc > 1 ? strtoull(argv[1], NULL, 10) : SIZE_MAX;
    grow_one(384 * MIB);
    size_t one = status_bytes("VmHWM");
    grow_two(160 * MIB);
    size_t ms = (size_t)(seconds_of(CLOCK_PROCESS_CPUTIME_ID) * 1e3);
    size_t both = status_bytes("VmHWM");
    printf("%zu ms of processor time (at most %zd), %zu MiB resident for 384, %zu for 320\n", ms,
           (ssize_t)ceiling, one / MIB, both / MIB);
    return said(ms <= ceiling && one < 691 * MIB && both < 691 * MIB);
}
