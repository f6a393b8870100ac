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
 * NULL and other roots than the CPU's also "beside", an array of theirs; with NULL "process"
 * (resident_bytes, memory_limit_bytes), and "mapped" and "pressure", objects of weir_mapped_stats
 * and weir_pressure_stats. */
WEIR_API int weir_stats_json(FILE *to, weir_allocator *a) WEIR_NOEXCEPT;

/*
 * The same into a buffer, as snprintf does: at most `size` bytes with the final NUL are
 * written, *length (may be NULL) gets the length of the whole. 0; ENOSPC when it was
 * cut; else as above.
 */
WEIR_API int weir_stats_json_buffer(char *buffer, size_t size, size_t *length,
                                    weir_allocator *a) WEIR_NOEXCEPT
    WEIR_WRITES(1, 2) WEIR_NODISCARD;

/*
 * The OpenMetrics 1.0 text exposition, ending in "# EOF". The label `path` names the allocator and
 * those above it, joined by '/'; no two samples of a family have the same labels, whatever the
 * allocators are called: in a name '/', '#', '%', control characters and bytes that are no UTF-8
 * are percent-encoded, and later siblings of one name end in "#2", "#3". Figures include
 * descendants, but for those of weir_own_bytes and weir_own_blocks, which add up. The 200
 * allocators with the greatest peaks have lines; the others' sum is
 * weir_own_bytes{path="#others"}. With NULL also what is live by tag, and figures of the process.
 * weir_stats_exposition has choices.
 */
WEIR_API int weir_stats_openmetrics(FILE *to, weir_allocator *a) WEIR_NOEXCEPT;
WEIR_API int weir_stats_openmetrics_buffer(char *buffer, size_t size, size_t *length,
                                           weir_allocator *a) WEIR_NOEXCEPT
    WEIR_WRITES(1, 2) WEIR_NODISCARD;

typedef struct weir_exposition_options {
    size_t size; /* of this struct: WEIR_EXPOSITION_OPTIONS_INIT sets it; 0: the first release's */
    weir_allocator *allocator; /* NULL: all, and what is the process's */
    size_t contexts;           /* allocators that have lines; 0: 200 */
    size_t tags;               /* tags that have lines; 0: 200 */
    /* Tags are added up by a look at every live block, some nanoseconds each, so they are left out
     * where more than so many blocks live; 0: 100000. */
    size_t tagged_blocks;
    bool text; /* Prometheus's text format 0.0.4 in place of OpenMetrics */
} weir_exposition_options;

#define WEIR_EXPOSITION_OPTIONS_INIT WEIR_STRUCT_INIT(weir_exposition_options)

/* The same with choices; `options` NULL: none. 0, EINVAL, ENOMEM or ENOSPC, as
 * weir_stats_json_buffer. */
WEIR_API int weir_stats_exposition(char *buffer, size_t size, size_t *length,
                                   const weir_exposition_options *options) WEIR_NOEXCEPT
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
