/*
 * fuzz/driver.c - runs a target where there is no fuzzing engine: on the files named (and those in
 * the folders named), else on its seeds, fuzz/seeds/NAME, and on some thousand inputs made of them,
 * the same each time: as many as WEIR_FUZZ_ROUNDS says. NAME is the program's.
 */
#include "fuzz/target.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define SEEDS_MOST 64
#define INPUT_MOST 8192
#define SECONDS    200 /* more than all of it takes, unless something hangs */

static uint64_t state = 1;
static uint8_t seeds[SEEDS_MOST][INPUT_MOST];
static size_t sizes[SEEDS_MOST];
static unsigned nseeds;

static unsigned below(size_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % n);
}

/* Runs the file; a small one may be the base of others. */
static int run_file(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t n = fread(data, 1, sizeof data, file);
    fclose(file);
    if (n <= INPUT_MOST && nseeds < SEEDS_MOST) {
        memcpy(seeds[nseeds], data, n);
        sizes[nseeds++] = n;
    }
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, n);
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int run_path(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, by_name), failed = 0;
    if (n < 0)
        return run_file(path);
    for (int i = 0; i < n; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            failed |= run_file(name);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

/* Replaces, inserts, deletes or copies a few bytes somewhere. */
static size_t mutate(uint8_t *data, size_t n)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, '\n', ',', '-', '0', '9', '#', ' '};
    size_t at = below(n + 1), cut = below(3) ? 0 : below(8), add = below(3) ? 0 : below(8);
    size_t from = below(n + 1);
    uint8_t piece[8];
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = from + i < n ? data[from + i] : edges[below(sizeof edges)];
    cut = at + cut > n ? n - at : cut;
    if (n - cut + add > INPUT_MOST)
        return n;
    memmove(data + at + add, data + at + cut, n - at - cut);
    memcpy(data + at, piece, add);
    n = n - cut + add;
    if (n)
        data[below(n)] = below(2) ? edges[below(sizeof edges)] : (uint8_t)below(256);
    return n;
}

/* A seed, or a part of one behind another, changed a little. */
static size_t input_make(uint8_t *data)
{
    unsigned first = below(nseeds), second = below(nseeds);
    size_t n = sizes[first];
    memcpy(data, seeds[first], n);
    if (below(8) == 0 && sizes[second]) {
        size_t at = below(n + 1), part = below(sizes[second] + 1);
        part = at + part > INPUT_MOST ? INPUT_MOST - at : part;
        memcpy(data + at, seeds[second], part);
        n = at + part > n ? at + part : n;
    }
    for (unsigned m = below(6); m; m--)
        n = mutate(data, n);
    return n;
}

static void seeds_path(char path[4096], const char *program)
{
    const char *source = getenv("top_srcdir"), *name = strrchr(program, '/');
    name = name ? name + 1 : program;
    name += strncmp(name, "lt-", 3) == 0 ? 3 : 0; /* libtool's, of a program in .libs */
    snprintf(path, 4096, "%s/fuzz/seeds/%s", source ? source : ".", name);
}

int main(int argc, char **argv)
{
    const char *wanted = getenv("WEIR_FUZZ_ROUNDS");
    unsigned rounds = wanted ? (unsigned)atoi(wanted) : getenv("WEIR_TEST_SLOW") ? 50 : 2000;
    unsigned accepted = 0;
    static char path[4096];
    alarm(wanted || argc > 1 ? 0 : SECONDS);
    for (int i = 1; i < argc; i++)
        if (run_path(argv[i]))
            return 1;
    if (argc > 1)
        return 0;
    seeds_path(path, argv[0]);
    if (run_path(path) || !nseeds)
        return 1;
    for (unsigned i = 0; i < rounds; i++) {
        static uint8_t data[INPUT_MOST];
        accepted += LLVMFuzzerTestOneInput(data, input_make(data)) == 1;
    }
    printf("%u of %u inputs accepted\n", accepted, rounds);
    return accepted > rounds / 20 ? 0 : 1;
}
