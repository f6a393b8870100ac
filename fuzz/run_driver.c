/*
 * fuzz/run_driver.c - runs fuzz/run.c where there is no fuzzing engine: on the files named
 * (and those in the folders named), and on inputs of its own, the same each time: so many
 * as WEIR_FUZZ_ROUNDS says.
 */
#include "fuzz/target.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MOST 1500
#define SECONDS    100 /* more than all of it takes, unless something hangs */

static uint64_t state = 1;

static unsigned below(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % n);
}

/* Bytes small enough to mean something, with a run of one byte here and there. */
static size_t input_make(uint8_t *data)
{
    size_t n = 1 + below(INPUT_MOST);
    for (size_t i = 0; i < n;) {
        uint8_t byte = (uint8_t)(below(3) ? below(24) : below(256));
        size_t times = below(40) ? 1 : 1 + below(60);
        for (; times && i < n; times--)
            data[i++] = byte;
    }
    return n;
}

static int run_file(const char *path)
{
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t n = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, n);
    return 0;
}

static int run_path(const char *path)
{
    DIR *folder = opendir(path);
    int failed = 0;
    if (!folder)
        return run_file(path);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            failed |= run_file(name);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    const char *source = getenv("top_srcdir"), *wanted = getenv("WEIR_FUZZ_ROUNDS");
    unsigned rounds = wanted ? (unsigned)atoi(wanted) : getenv("WEIR_TEST_SLOW") ? 30 : 400;
    unsigned found = 0;
    alarm(wanted ? 0 : SECONDS);
    for (int i = 1; i < argc; i++) /* the first input changes the folder */
        argv[i] = realpath(argv[i], NULL);
    for (int i = 1; i < argc; i++)
        if (!argv[i] || run_path(argv[i]))
            return 1;
    if (argc > 1 && !wanted)
        return 0;
    if (source) {
        char seeds[4096];
        snprintf(seeds, sizeof seeds, "%s/fuzz/seeds/run", source);
        if (run_path(seeds))
            return 1;
    }
    for (unsigned i = 0; i < rounds; i++) {
        uint8_t data[INPUT_MOST];
        found += LLVMFuzzerTestOneInput(data, input_make(data)) == 1;
    }
    printf("%u of %u inputs made images\n", found, rounds);
    return found > rounds / 3 ? 0 : 1;
}
