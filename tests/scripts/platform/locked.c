/*
 * locked [late]: the program locks its memory, all that it has and all that will be (late: after it
 * has allocated), and uses 1 MiB. Expected: less than 32 MiB are resident; and
 * memory that the kernel does not let go of while it is locked is zero where zero was asked for.
 */
#include "take.h"

#include <sys/mman.h>

static void *volatile kept;

/* 1 MiB in small blocks and one of 200 KiB, of which `keep` stay. */
static bool use_a_mebibyte(void)
{
    for (int i = 0; i < 800; i++)
        if (!(kept = TAKE(1000)))
            return false;
    return (kept = TAKE(200 * KIB)) != NULL;
}

static size_t dirty_rounds(void)
{
    unsigned seed = 5;
    size_t dirty = 0;
    for (int round = 0; round < 60; round++) {
        size_t size = 4096 + (size_t)rand_r(&seed) % (3 * MIB);
        unsigned char *block = TAKE(size);
        if (!block)
            exit(1);
        memset(block, 0xBB, size);
        GIVE(block);
        TRIM();
        block = TAKE_ZERO(size);
        for (size_t i = 0; block && i < size; i++)
            dirty += block[i] != 0;
        GIVE(block);
    }
    return dirty;
}

int main(int argc, char **argv)
{
    bool late = argc > 1 && strcmp(argv[1], "late") == 0;
    if (late && !use_a_mebibyte())
        return 1;
    if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
        printf("mlockall: %s\n", strerror(errno));
        return 77;
    }
    size_t locked = status_bytes("VmRSS");
    bool got = use_a_mebibyte();
    size_t used = status_bytes("VmRSS");
    size_t dirty = dirty_rounds();
    printf("%zu KiB resident when locked, %zu with 1 MiB more; %zu bytes not zero\n", locked / KIB,
           used / KIB, dirty);
    return said(got && used < 32 * MIB && dirty == 0);
}
