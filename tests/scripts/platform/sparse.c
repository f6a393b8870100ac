/*
 * sparse MIB: zeroed memory of this size, of which 16 bytes are written, freed and taken again,
 * five times, one thread after another. Expected: zero each time, and less than 64 MiB resident.
 */
#include "take.h"

static size_t size, dirty, most;

static void *job_run(void *unused)
{
    unsigned char *table = TAKE_ZERO(size);
    if (!table)
        exit(1);
    for (size_t at = 0; at < size; at += size / 16) {
        dirty += table[at] != 0;
        table[at] = 0xA5;
    }
    size_t now = status_bytes("VmRSS");
    most = now > most ? now : most;
    GIVE(table);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    size = (argc > 1 ? strtoull(argv[1], NULL, 10) : 512) * MIB;
    for (int job = 0; job < 5; job++)
        if (job % 2 == 0)
            job_run(NULL);
        else if (pthread_create(&thread, NULL, job_run, NULL) || pthread_join(thread, NULL))
            return 77;
    printf("%zu MiB resident for a table of %zu, %zu bytes not zero\n", most / MIB, size / MIB,
           dirty);
    return said(dirty == 0 && most < 64 * MIB);
}
