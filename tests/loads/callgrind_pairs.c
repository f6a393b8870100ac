/*
 * The loops whose instructions tests/scripts/callgrind.sh counts. Each is one function, not
 * inlined, that does `pairs` allocations and frees; `empty` is the same loop without.
 * `callgrind_pairs LOOP PAIRS [N]` runs one of them over the CPU allocator, or the N-th context,
 * after a warm-up outside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define NOINLINE __attribute__((noinline))

static weir_allocator *a, *other;
static void *volatile sink;

NOINLINE static void empty(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++)
        sink = NULL;
}

NOINLINE static void small(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(a, 64);
        weir_deallocate(a, sink);
    }
}

NOINLINE static void aligned(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate_aligned(a, 64, 16);
        weir_deallocate(a, sink);
    }
}

/* Sizes in turn, so that no branch or class is always the same. */
NOINLINE static void mixed(size_t pairs)
{
    static const size_t sizes[8] = {16, 3000, 100, 527, 48, 1024, 250, 4000};
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(a, sizes[i % 8]);
        weir_deallocate(a, sink);
    }
}

NOINLINE static void large(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(a, 1 << 20);
        weir_deallocate(a, sink);
    }
}

/* A context made and destroyed. */
NOINLINE static void made(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocator_create(NULL);
        weir_allocator_destroy(sink);
    }
}

/* Two contexts in turn raise their parent's peak. */
NOINLINE static void rising(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        sink = weir_allocate(other, 16000);
        sink = weir_allocate(a, 16000);
    }
}

static const struct {
    const char *name;
    void (*run)(size_t pairs);
} loops[] = {{"empty", empty}, {"small", small}, {"aligned", aligned}, {"mixed", mixed},
             {"large", large}, {"made", made},   {"rising", rising}};

int main(int argc, char **argv)
{
    size_t pairs = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    for (size_t i = 0; argc > 1 && i < sizeof loops / sizeof *loops; i++)
        if (strcmp(argv[1], loops[i].name) == 0) {
            /* So many contexts before it: it is one of them. */
            long contexts = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
            a = weir_cpu_allocator();
            while (contexts--) {
                other = a;
                a = weir_allocator_create(NULL);
                weir_deallocate(a, weir_allocate(a, 100));
            }
            /* A crest, so that the loop stays below the peak. */
            weir_deallocate(a, weir_allocate(a, 8 << 20));
            for (size_t size = 16; size <= 4096; size += 16)
                weir_deallocate(a, weir_allocate(a, size));
            for (int warm = 0; warm < 3; warm++)
                weir_deallocate(a, weir_allocate(a, 1 << 20));
            weir_deallocate(a, weir_allocate_aligned(a, 64, 16));
            loops[i].run(pairs);
            return 0;
        }
    fprintf(stderr,
            "usage: callgrind_pairs empty|small|aligned|mixed|large|made|rising PAIRS [N]\n");
    return 2;
}
