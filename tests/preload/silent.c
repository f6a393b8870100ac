/*
 * preload_silent BYTES ORDER [THREADS]: allocates 300 MB in blocks of so many bytes, writes to
 * them, frees them and falls silent: not one more call of malloc's. Its resident memory must
 * have gone down to BOUND by then. ORDER: up, down, random. Run by preload.sh.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOTAL 300000000u
#define BOUND (96l << 20) /* the budget of 64 MiB, and what the program is without it */

static long resident(void)
{
    static char line[100];
    static long pages;
    int file = open("/proc/self/statm", O_RDONLY);
    if (file < 0 || read(file, line, sizeof line - 1) <= 0)
        return -1;
    close(file);
    pages = strtol(strchr(line, ' '), NULL, 10);
    return pages * sysconf(_SC_PAGESIZE);
}

static void shuffle(void **blocks, size_t n)
{
    unsigned long seed = 1;
    for (size_t i = n; i > 1; i--) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t j = (seed >> 33) % i;
        void *kept = blocks[i - 1];
        blocks[i - 1] = blocks[j];
        blocks[j] = kept;
    }
}

int main(int count, char **arguments)
{
    size_t size = count > 1 ? strtoul(arguments[1], NULL, 10) : 100, n = TOTAL / size;
    const char *order = count > 2 ? arguments[2] : "up";
    void **blocks =
        mmap(NULL, n * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (blocks == MAP_FAILED)
        return 3;
    long before = resident();
    for (size_t i = 0; i < n; i++) {
        blocks[i] = malloc(size);
        if (!blocks[i])
            return 3;
        memset(blocks[i], 1, size);
    }
    long full = resident();
    if (strcmp(order, "random") == 0)
        shuffle(blocks, n);
    for (size_t i = 0; i < n; i++)
        free(blocks[strcmp(order, "down") == 0 ? n - 1 - i : i]);
    munmap(blocks, n * sizeof *blocks);
    usleep(100000);
    long after = resident();
    printf("%zu bytes, %s: %ld KiB before, %ld full, %ld after\n", size, order, before >> 10,
           full >> 10, after >> 10);
    return full < (long)TOTAL || after - before > BOUND;
}
