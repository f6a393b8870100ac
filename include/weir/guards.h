/*
 * guards.h - guarded blocks: a few allocations lie against a page that nobody can touch, and are
 * unreadable from their free on. So an overflow, an underflow or a use after free of one of them
 * ends in a report, at the instruction that did it.
 */
#ifndef WEIR_GUARDS_H
#define WEIR_GUARDS_H

#include <weir/export.h>

#include <stddef.h>
#include <stdint.h>

WEIR_BEGIN_DECLS

typedef struct weir_guard_options {
    size_t size;    /* of this struct: WEIR_GUARD_OPTIONS_INIT sets it; 0: the first release's */
    size_t calls;   /* one call in so many that allocates or resizes is guarded; 0: 5000; SIZE_MAX:
                     * none. From 1000 on it is a beginning: where calls are frequent, fewer are */
    size_t objects; /* one tensor or buffer in so many, and by `calls`; 0: as all others */
} weir_guard_options;
#define WEIR_GUARD_OPTIONS_INIT WEIR_STRUCT_INIT(weir_guard_options)

/*
 * Guards a part of all allocations of pools from here on, by chance and each alike; NULL: with the
 * options' defaults. At most 64 blocks of up to 57344 bytes and 16 of up to 4186112 (4 MiB less two
 * pages) at a time; what is due beyond that, what is larger, what is aligned to more than a page,
 * and what lies on huge pages or a chosen node, is not guarded. A guarded block takes whole pages
 * of memory; what it requested is counted, as ever, exactly, and is all that may be used of it.
 *
 * A fault at such a block is printed (docs/guide/debugging.md) by a handler of SIGSEGV that this
 * call installs; then what the program had for SIGSEGV takes its course. A program that sets a
 * handler afterwards has no report, but under libweir-malloc.so, where its own is called behind
 * weir's. What was written next to a block without a fault, for its alignment leaves a rest,
 * is found when it is freed: WEIR_MISUSE_CORRUPTION (weir/error.h).
 *
 * Under libweir-malloc.so blocks are guarded now and then without any call
 * (docs/guide/debugging.md); this call takes the place of that. Calling it again changes the
 * options. Where the system refuses (memory maps, a limit of addresses) guarding ends by itself. 0;
 * EINVAL (no such struct); ENOTSUP: a build without accounting, a backing without pools, or pages
 * that are not 4 KiB. Any thread.
 */
WEIR_API int weir_guards_start(const weir_guard_options *options) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Guards no block from here on; those that are live, or were freed, stay guarded. Any thread. */
WEIR_API void weir_guards_stop(void) WEIR_NOEXCEPT;

typedef struct weir_guard_stats {
    size_t size;    /* of this struct: WEIR_GUARD_STATS_INIT sets it; 0: the first release's */
    size_t calls;   /* at this moment, one call in so many is guarded; 0: none */
    size_t objects; /* what weir_guards_start was told */
    size_t live;    /* guarded blocks */
    size_t guarded; /* blocks that ever were */
    size_t missed;  /* were due and had no place */
    size_t reports; /* printed */
} weir_guard_stats;
#define WEIR_GUARD_STATS_INIT WEIR_STRUCT_INIT(weir_guard_stats)

/* 0; EINVAL (NULL, a size of no known struct). Any thread. */
WEIR_API int weir_guard_stats_get(weir_guard_stats *stats) WEIR_NOEXCEPT WEIR_NODISCARD;

WEIR_END_DECLS
#endif
