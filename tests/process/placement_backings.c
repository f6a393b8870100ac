/*
 * Contexts with huge pages or small ones over every backing: hints are heeded, or harmless where
 * malloc serves; what must be is refused there.
 */
#include "../helpers/self.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, weir_last_error());
    return 1;
}

static int use(weir_huge_pages huge_pages)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.huge_pages = huge_pages});
    if (!a)
        return fail("no context");
    for (size_t size = 1; size <= (size_t)16 << 20; size *= 2) {
        unsigned char *block = weir_allocate_zeroed(a, 1, size);
        if (!block || block[size - 1])
            return fail("no block");
        memset(block, 1, size);
    }
    if (weir_total_allocated(a) != ((size_t)32 << 20) - 1)
        return fail("wrong figures");
    return weir_allocator_destroy(a) ? fail("not destroyed") : 0;
}

static int try(void)
{
    bool is_malloc = strcmp(getenv("WEIR_BACKING"), "malloc") == 0;
    if (use(WEIR_HUGE_PAGES_ASKED) || use(WEIR_HUGE_PAGES_NEVER))
        return 1;
    errno = 0;
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.huge_pages = WEIR_HUGE_PAGES_REQUIRED});
    if (is_malloc && (a || (errno != ENOTSUP && errno != ENOMEM)))
        return fail("malloc's pages are said to be huge");
    if (a && (weir_allocator_destroy(a) || use(WEIR_HUGE_PAGES_REQUIRED)))
        return 1;
    /* Fails before, with --enable-debug=2: "alloc: the CPU allocator's registry has a rank". */
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
    weir_placement_stats s = {.size = sizeof s};
    int error = weir_placement_stats_get(weir_cpu_allocator(), &s);
    return error == (is_malloc ? ENOTSUP : 0) ? 0 : fail("figures of the CPU allocator");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return try();
    return self_over("system", argv) | self_over("jemalloc", argv) | self_over("malloc", argv);
}
