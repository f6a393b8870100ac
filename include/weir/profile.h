/*
 * profile.h - what a stretch of a program took: a profiler with its own exact peak,
 * checkpoints that tell which blocks were left behind, and samples that tell who holds the memory.
 *
 * Thread rule: every function may be called from any thread; one weir_profiler is
 * used by one thread at a time. Nothing here allocates from the allocator it watches.
 */
#ifndef WEIR_PROFILE_H
#define WEIR_PROFILE_H

#include <stdio.h>
#include <weir/allocator.h>

WEIR_BEGIN_DECLS

/* -- profiler ------------------------------------------------------------------ */

/* Bytes, but for the counts. */
typedef struct weir_profiler_stats {
    size_t size;      /* of this struct: WEIR_PROFILER_STATS_INIT sets it; 0: the first release's */
    size_t current;   /* requested bytes live */
    ptrdiff_t delta;  /* current less what was live at the start */
    size_t peak;      /* greatest `current` since the start, exactly */
    size_t count;     /* live blocks */
    ptrdiff_t blocks; /* count less what was live at the start */
    size_t allocations, deallocations; /* since the start */
} weir_profiler_stats;
#define WEIR_PROFILER_STATS_INIT WEIR_STRUCT_INIT(weir_profiler_stats)

/* The caller's memory, anywhere, not to be copied or moved while started; its fields
 * are weir's. Profilers nest and overlap in any way: each has its own peak. */
typedef struct weir_profiler {
    weir_allocator *allocator;                       /* NULL: not started */
    size_t total, count, allocations, deallocations; /* at the start */
    uint64_t peak[2];                                /* a place for the core's record of the peak */
} weir_profiler;

/*
 * Watches `a` (NULL: the CPU allocator) and its descendants from now on. Whatever the
 * struct held is overwritten. 0 or EINVAL. A profiler must be stopped before its
 * memory or its allocator goes.
 */
WEIR_API int weir_profiler_start(weir_profiler *profiler, weir_allocator *a) WEIR_NOEXCEPT;

/* The figures so far. 0; EINVAL for a profiler that is not started, or a size of no known struct.
 */
WEIR_API int weir_profiler_stats_get(const weir_profiler *profiler,
                                     weir_profiler_stats *stats) WEIR_NOEXCEPT;

/*
 * Prints them, in MB of 1024 * 1024 bytes:
 *
 *     [label]
 *       Current: 12.5 MB
 *       Delta: 0.25 MB
 *       Peak: 96 MB
 *       Active allocations: 17
 *
 * 0; EINVAL as above; EIO (or errno) when writing failed.
 */
WEIR_API int weir_profiler_print(FILE *to, const weir_profiler *profiler,
                                 const char *label) WEIR_NOEXCEPT;

/* Ends watching; the profiler may be started again. 0, or EINVAL when not started. */
WEIR_API int weir_profiler_stop(weir_profiler *profiler) WEIR_NOEXCEPT;

/* -- leaks --------------------------------------------------------------------- */

/*
 * Starts a new generation of blocks in `a` (NULL: the CPU allocator) and its
 * descendants, and returns its number (> 0), or 0 with errno EINVAL. Blocks that other
 * threads allocate or free during the call may count on either side.
 *
 * One generation is remembered for each block, so a later checkpoint of `a`, of an
 * ancestor or of a descendant replaces this one: asking for it then gives ESTALE.
 * Checkpoints of allocators that do not contain one another are independent.
 */
WEIR_API uint64_t weir_checkpoint(weir_allocator *a) WEIR_NOEXCEPT;

/* A block allocated since the checkpoint and still live. */
typedef struct weir_leak {
    const void *address;
    size_t requested;
    size_t usable;
    weir_tag tag;
    const char *tag_name;       /* "" without a tag */
    const char *allocator_name; /* whose block it is */
} weir_leak;

typedef struct weir_leaks_stats {
    size_t size;   /* of this struct: WEIR_LEAKS_STATS_INIT sets it; 0: the first release's */
    size_t count;  /* blocks left behind */
    size_t bytes;  /* their requested bytes */
    size_t cached; /* free bytes that the pool keeps for re-use: not leaked; WEIR_UNSUPPORTED: no
                      pool */
} weir_leaks_stats;
#define WEIR_LEAKS_STATS_INIT WEIR_STRUCT_INIT(weir_leaks_stats)

/*
 * What was allocated in `a` (NULL: the CPU allocator) and its descendants since
 * `checkpoint` and is still live. 0; EINVAL (no such allocator, a checkpoint never taken of it or
 * above it, a size of no known struct); ESTALE (a later checkpoint replaced it).
 */
WEIR_API int weir_leaks_stats_get(weir_allocator *a, uint64_t checkpoint,
                                  weir_leaks_stats *stats) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Returns true to end the listing. May call anything of weir. */
typedef bool weir_leak_visitor(const weir_leak *leak, void *user);

/*
 * The blocks themselves, largest first. The listing is taken first and visited with no lock held.
 * 0 or the errors above; ENOMEM (nothing was visited).
 */
WEIR_API int weir_leaks_walk(weir_allocator *a, uint64_t checkpoint, weir_leak_visitor *visit,
                             void *user) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * The same as text: one line with the sums, or "no leaks"; one for each tag and size of at most 32,
 * those of the most bytes first, and one for the rest; who allocated them, if allocations are
 * sampled (weir_profile_sample); and what is only cached. 0 or the errors above, or EIO (or errno)
 * when writing failed.
 */
WEIR_API int weir_leaks_print(FILE *to, weir_allocator *a, uint64_t checkpoint) WEIR_NOEXCEPT;

/* The same with at most `top` tags and sizes, and as many places that allocate; 0: all. */
WEIR_API int weir_leaks_print_top(FILE *to, weir_allocator *a, uint64_t checkpoint,
                                  size_t top) WEIR_NOEXCEPT;

/* -- who holds the memory ------------------------------------------------------- */

/*
 * Samples the allocations of all allocators from here on: about one in `bytes` bytes that are
 * allocated has its call stack kept while it lives (x86-64 and aarch64; elsewhere samples have no
 * stack). What was sampled before is forgotten; 0 ends it. 1048576 is a mean for production:
 * tests/targets/record-cost --sample says what it costs. The variable WEIR_SAMPLE does the same at
 * the start.
 *
 * A block of n bytes is sampled with the probability p = 1 - exp(-n / bytes), independently of all
 * others, and then stands for 1 / p blocks: so each figure below is right on average (unbiased),
 * and has a standard error. Blocks from before, and those of 0 bytes, are in none of them. A block
 * that grows is sampled by what it grows. A sampled block takes whole pages of memory; what it
 * requested is counted, as ever, exactly.
 *
 * 0; ENOTSUP in a build without accounting. Any thread.
 */
WEIR_API int weir_profile_sample(size_t bytes) WEIR_NOEXCEPT;

/* Estimates, but for the counts. */
typedef struct weir_profile_stats {
    size_t size;    /* of this struct: WEIR_PROFILE_STATS_INIT sets it; 0: the first release's */
    size_t mean;    /* what weir_profile_sample was told; 0: nothing is sampled */
    size_t samples; /* live blocks that are sampled */
    size_t missed;  /* sampled and not kept: no memory, or within a signal handler */
    double bytes;   /* requested bytes live of what was allocated since */
    double error;   /* the standard error of `bytes` */
    double blocks;  /* live blocks */
} weir_profile_stats;
#define WEIR_PROFILE_STATS_INIT WEIR_STRUCT_INIT(weir_profile_stats)

/* 0; EINVAL (NULL, a size of no known struct); ENOMEM. */
WEIR_API int weir_profile_stats_get(weir_profile_stats *stats) WEIR_NOEXCEPT WEIR_NODISCARD;

/* What one call stack, allocator and tag hold now: estimates. Valid during the visit. */
typedef struct weir_profile_site {
    const void *const *calls; /* return addresses, the innermost call first */
    size_t depth;             /* of them, at most 128; 0: not known */
    const char *allocator_name;
    const char *tag_name; /* "" without a tag */
    weir_tag tag;
    size_t samples; /* blocks that the estimates are made of: exact */
    double bytes;   /* requested bytes live */
    double error;   /* the standard error of `bytes` */
    double blocks;  /* live blocks */
} weir_profile_site;

/* Returns true to end the listing. May call anything of weir. */
typedef bool weir_profile_visitor(const weir_profile_site *site, void *user);

/* All of them, greatest first. The listing is taken first and visited with no lock held. 0; EINVAL
 * (NULL); ENOMEM (nothing was visited). */
WEIR_API int weir_profile_walk(weir_profile_visitor *visit,
                               void *user) WEIR_NOEXCEPT WEIR_NODISCARD;

/* The same as text: one line with the sums, then the first `top` (0: all) with their calls, and the
 * rest. "no profile": nothing is sampled. 0, EINVAL, ENOMEM, or EIO (or errno) when writing failed.
 */
WEIR_API int weir_profile_print(FILE *to, size_t top) WEIR_NOEXCEPT;

/*
 * The same for pprof: a profile.proto, not compressed, with inuse_objects and inuse_space, into the
 * file at `path`, which is made or emptied. Functions have the names that the loader knows; `go
 * tool pprof PROGRAM FILE` finds the others. 0; EINVAL; ENOMEM; or why the file cannot be written.
 */
WEIR_API int weir_profile_write(const char *path) WEIR_NOEXCEPT WEIR_NODISCARD;

WEIR_END_DECLS
#endif
