/*
 * stats.h - figures as text, JSON and OpenMetrics: an allocator with the tree of its
 * contexts, and who holds the memory.
 *
 * A figure that is not available is "unsupported" in text, null in JSON and left out of
 * OpenMetrics, never 0. Figures of one allocator are one consistent snapshot; those of
 * different allocators are taken one after the other.
 *
 * Thread rule: any thread, while others run. Nothing here allocates from the
 * allocators it reads; writing to a FILE happens with no lock held.
 */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include <stdio.h>
#include <weir/allocator.h>

WEIR_BEGIN_DECLS

/* A table, one line an allocator, `a` and its descendants. NULL: the CPU allocator and,
 * after it, every other allocator without a parent: devices, those of arenas, recorders and
 * replays, and whatever was made with WEIR_NO_PARENT; then the process's own figures, where there
 * is something to say: files that tensors are mapped over, pressure on memory.
 * 0, EINVAL, ENOMEM, or EIO (or errno) when writing failed; so for all that print. */
WEIR_API int weir_stats_print(FILE *to, weir_allocator *a) WEIR_NOEXCEPT;

/* The same as one JSON object: its figures and "children", an array of such objects; with
 * NULL and other roots than the CPU's also "beside", an array of theirs; with NULL "mapped" and
 * "pressure", objects of weir_mapped_stats and weir_pressure_stats. */
WEIR_API int weir_stats_json(FILE *to, weir_allocator *a) WEIR_NOEXCEPT;

/*
 * The same into a buffer, as snprintf does: at most `size` bytes with the final NUL are
 * written, *length (may be NULL) gets the length of the whole. 0; ENOSPC when it was
 * cut; else as above.
 */
WEIR_API int weir_stats_json_buffer(char *buffer, size_t size, size_t *length,
                                    weir_allocator *a) WEIR_NOEXCEPT
    WEIR_WRITES(1, 2) WEIR_NODISCARD;

/* The OpenMetrics 1.0 text exposition, ending in "# EOF". The label `path` names the
 * allocator and those above it, joined by '/'. With NULL the figures of "mapped" and "pressure",
 * too, which have no label. */
WEIR_API int weir_stats_openmetrics(FILE *to, weir_allocator *a) WEIR_NOEXCEPT;
WEIR_API int weir_stats_openmetrics_buffer(char *buffer, size_t size, size_t *length,
                                           weir_allocator *a) WEIR_NOEXCEPT
    WEIR_WRITES(1, 2) WEIR_NODISCARD;

/* -- who holds the memory ------------------------------------------------------- */

typedef struct weir_tag_stats {
    weir_tag tag;
    const char *name; /* "" for blocks without a tag */
    size_t bytes;     /* requested, live */
    size_t usable;    /* the same rounded to blocks */
    size_t blocks;
    size_t largest; /* requested bytes of the largest block */
} weir_tag_stats;

/* Returns true to end the listing. May call anything of weir. */
typedef bool weir_tag_stats_visitor(const weir_tag_stats *stats, void *user);

/*
 * Live blocks of `a` (NULL: the CPU allocator) and its descendants by tag, most bytes
 * first. Every block is looked at: some nanoseconds each. 0, EINVAL or ENOMEM.
 */
WEIR_API int weir_allocator_walk_tags(weir_allocator *a, weir_tag_stats_visitor *visit,
                                      void *user) WEIR_NOEXCEPT;

/* The `top` greatest (0: all) and the rest in one line or object. */
WEIR_API int weir_holders_print(FILE *to, weir_allocator *a, size_t top) WEIR_NOEXCEPT;
WEIR_API int weir_holders_json(FILE *to, weir_allocator *a, size_t top) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
