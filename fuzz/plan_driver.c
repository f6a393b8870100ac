/*
 * fuzz/plan_driver.c - runs fuzz/plan.c where there is no fuzzing engine: on the files named,
 * else on some thousand mutations of a few tables, the same each time.
 */
#include "fuzz/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static unsigned below(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % n);
}

static const char *const tables[] = {
    "id,lower,upper,size\na,0,3,10\nb,1,5,20\nc,4,9,7\nd,2,3,1\n",
    "buffer_id,start,end,size\n0,0,3,10\n1,-4,5,0\n2,4,9,4611686018427387904\n",
    "size,id,lower,upper,alignment,offset\n8,x,0,2,8,\n16,y,1,3,64,128\n24,z,2,9,1,\n",
    "id,lower,upper,size,gaps\nq,-9223372036854775808,9223372036854775807,1,2-3 4-5@1:2\n",
};
static const char *const pieces[] = {
    "\n",  ",",  "-", "0", "9223372036854775807", "id",
    "end", "\r", "1", "",  "4611686018427387904", "99999999999999999999"};

/* Replaces, inserts or deletes somewhere; at most `room` bytes. */
static size_t mutate(char *text, size_t length, size_t room)
{
    size_t at = below((unsigned)length + 1), cut = below(3) ? below(3) : 0;
    const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
    size_t add = strlen(piece);
    cut = at + cut > length ? length - at : cut;
    if (length - cut + add > room)
        return length;
    memmove(text + at + add, text + at + cut, length - at - cut);
    memcpy(text + at, piece, add);
    if (below(4) == 0 && length - cut + add > 0)
        text[below((unsigned)(length - cut + add))] = (char)below(256);
    return length - cut + add;
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    static uint8_t data[1 << 20];
    if (!file) {
        perror(path);
        return 1;
    }
    size_t n = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, n);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (run_file(argv[i]))
            return 1;
    if (argc > 1)
        return 0;
    unsigned accepted = 0;
    unsigned rounds = getenv("WEIR_TEST_SLOW") ? 300 : 20000;
    for (unsigned i = 0; i < rounds; i++) {
        char text[4096];
        size_t length = strlen(tables[i % 4]);
        memcpy(text, tables[i % 4], length);
        for (unsigned m = below(6); m > 0; m--)
            length = mutate(text, length, sizeof text);
        accepted += LLVMFuzzerTestOneInput((const uint8_t *)text, length) == 1;
    }
    printf("%u of %u tables accepted\n", accepted, rounds);
    return accepted > rounds / 20 ? 0 : 1;
}
