/*
 * Where the system says that it dropped the contents of pages and did not (emulators,
 * unikernels), memory that is promised zero is zero all the same. The machine is made up: this
 * program's own madvise answers 0 and does nothing.
 *
 * Fails before: "os: a purge is probed once".
 */
#include "../helpers/core.h"

#include <stdio.h>
#include <sys/mman.h>
#include <weir/weir.h>

static unsigned long asked;

int madvise(void *at, size_t size, int advice)
{
    (void)at, (void)size;
    asked += advice == MADV_DONTNEED;
    return 0;
}

static size_t bytes_not_zero(const unsigned char *block, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += block[i] != 0;
    return count;
}

static size_t taken_zeroed_again(size_t size)
{
    enum { BLOCKS = 40 };
    unsigned char *blocks[BLOCKS];
    weir_allocator *cpu = weir_cpu_allocator();
    size_t dirty = 0;
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i] = weir_allocate(cpu, size), 0x5a, size);
    for (int i = 0; i < BLOCKS; i++)
        weir_deallocate(cpu, blocks[i]);
    weir_trim(cpu);
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = weir_allocate_zeroed(cpu, 1, size);
        dirty += bytes_not_zero(blocks[i], size);
    }
    for (int i = 0; i < BLOCKS; i++)
        weir_deallocate(cpu, blocks[i]);
    return dirty;
}

int main(void)
{
    static const size_t sizes[] = {100, 5000, 16000, 40000, 300000, 5000000};
    int status = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t dirty = taken_zeroed_again(sizes[i]);
        if (dirty) {
            printf("%zu bytes: %zu of those promised zero are not\n", sizes[i], dirty);
            status = 1;
        }
    }
    if (!asked)
        puts("nothing was purged");
    return asked ? status : 1;
}
