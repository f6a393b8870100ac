/*
 * backing/backing.h - where slabs come from, and the blocks of contexts that bypass the
 * pool: one table of functions, written once per provider. Owns no memory and counts nothing;
 * the pool above keeps what it takes and decides when it goes back. Spans are not a provider's
 * business: their regions are addresses that the pool reserves and opens itself (os/pages.h),
 * the layer that provides the slabs, because only so can they be opened piece by piece and moved
 * without copying.
 *
 * Providers: "jemalloc" (src/backing/jemalloc.c, in libweir-jemalloc, because
 * its static TLS would keep libweir from being loaded late) and "system"
 * (src/backing/system.c, always there). "malloc" (src/backing/malloc.c) is for single
 * blocks: where it is the choice there is no pool, and every block comes from it.
 *
 * Thread rule: every function may be called from any thread at any time, also
 * in a forked child. None of them but malloc's calls the host's malloc.
 */
#ifndef WEIR_BACKING_BACKING_H
#define WEIR_BACKING_BACKING_H

#include <stdbool.h>
#include <stddef.h>

/* Raised whenever the table changes: libweir refuses a libweir-jemalloc that was
 * built for another. */
#define WEIR__BACKING_ABI 4

struct weir__backing {
    unsigned abi; /* WEIR__BACKING_ABI */
    const char *name;

    /* Makes the provider ready. Called once, before anything else, on one thread;
     * false: it cannot serve here. May be NULL. */
    bool (*start)(void);

    /*
     * A region of `size` bytes (> 0; whole pages are taken) aligned to
     * `alignment` (a power of two; below a page means a page; up to 1 GiB and
     * beyond, as far as address space goes). All of it reads as zero, and becomes
     * resident only once touched. NULL with errno ENOMEM.
     */
    void *(*take)(size_t size, size_t alignment);

    /* Takes back exactly what take gave, whole, with the same size and alignment.
     * The provider may keep it resident and hand it out again: purge first what
     * should go back to the machine. errno is kept. */
    void (*give)(void *region, size_t size, size_t alignment);

    /* Drops the contents of a part of a taken region: the whole pages of the machine
     * within it go back, the part stays taken and mapped, and all of it reads as zero
     * from then on. Its ends may lie anywhere. Returns the bytes of those pages; 0: none
     * lies within it. errno is kept. */
    size_t (*purge)(void *part, size_t size);

    /* Single blocks, for contexts that bypass the pool. All NULL where the
     * provider has no such thing. raw_allocate: size > 0, alignment a power of
     * two; NULL with errno ENOMEM. */
    void *(*raw_allocate)(size_t size, size_t alignment);
    void (*raw_free)(void *block);
};

/*
 * The provider that serves this process. Chosen at the first call and the same
 * ever after: malloc where a tool watches it (os/memory_tool.h), jemalloc where
 * libweir-jemalloc is loaded, else the system; the environment's WEIR_BACKING=system,
 * =jemalloc or =malloc wishes otherwise, =pool that no tool is heeded (ignored in
 * setuid programs, and said on standard error when it cannot be had). Safe before
 * constructors have run. Call it before registering fork handlers: jemalloc's
 * must come first.
 */
const struct weir__backing *weir__backing_get(void);

/* Is it the host's malloc? Then no pool is used. */
bool weir__backing_is_malloc(void);

/* The provider over mmap. Always there. */
extern const struct weir__backing weir__backing_system;

/* The provider over the host's malloc; without an abi where weir is that malloc. */
extern const struct weir__backing weir__backing_malloc;

/* The provider over jemalloc; no such object (a null address) where
 * libweir-jemalloc is not loaded. Data, not a function of jemalloc's, because
 * other allocators export parts of jemalloc's interface. */
extern const struct weir__backing weir_backing_jemalloc
    __attribute__((weak, visibility("default")));

#endif
