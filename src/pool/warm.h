/*
 * pool/warm.h - large blocks of a hardened page heap that were freed and keep their pages for
 * now, because to close them would be too dear at that pace (pool/fenced.h). Owns them meanwhile;
 * knows nothing of when they are closed, nor of who reports. By the holder of the page heap's lock.
 *
 *   freed -> ends cleared -> oldest of its size, WEIR__WARM_WAIT later -> ends zero still? -> live
 *                         -> oldest of all -> closed
 *
 * The first and the last WEIR__WARM_END bytes of a freed block are cleared, and compared when it is
 * used again; what lies between is as it was. The closed page behind it is its span's and stays
 * closed. The next block of these pages ends at that page, too; it may need fewer of them
 * (pool/fenced.c).
 */
#ifndef WEIR_POOL_WARM_H
#define WEIR_POOL_WARM_H

#include "base/list.h"
#include "pool/region.h"

#define WEIR__WARM       512u              /* spans at most */
#define WEIR__WARM_SIZES 64u               /* lists by size: from 8 pages on four a power of two */
#define WEIR__WARM_END   ((size_t)256)     /* bytes that are cleared and compared, at either end */
#define WEIR__WARM_WAIT  (256 * WEIR__KIB) /* so much is freed before one is used again */

struct weir__warm_slot {
    struct weir__link all, same; /* in the order of coming; those of its list */
    struct weir__span *span;
    struct weir__warm_block {
        char *block;
        size_t size;
        uint32_t tag;
    } was;           /* what lived there */
    uint32_t npages; /* of the span */
    uint32_t came;   /* the page heap's clock */
    uint64_t passed; /* bytes freed before */
};

struct weir__warm {
    struct weir__list all, sizes[WEIR__WARM_SIZES], unused;
    uint32_t made;   /* slots that were ever used */
    size_t bytes;    /* of spans that wait, whole pages but the closed one */
    uint64_t passed; /* bytes of all that ever came */
    struct weir__warm_slot slots[WEIR__WARM];
};

/* A span whose block is not live any more; `now` is the page heap's clock. False: there are too
 * many. */
bool weir__warm_put(struct weir__warm *warm, struct weir__span *span, struct weir__warm_block was,
                    uint32_t now);

/* The smallest of at least so many pages, of those that waited long enough and are about as large;
 * or, if anything has to do (`soon`), of those up to twice as large. Its last pages are aligned.
 * NULL: there is none. *sound: nothing was written to its ends; else that is kept
 * (pool/late_misuse.h), and nobody should get it. */
struct weir__span *weir__warm_take(struct weir__warm *warm, uint32_t npages, size_t alignment,
                                   bool soon, bool *sound);

/* The one of that owner (NULL: of any) that came first; NULL: there is none. It is as it was put
 * there. `look`: what was written to its ends is kept. */
struct weir__span *weir__warm_oldest(struct weir__warm *warm, const void *owner, bool look);

/* Looks at the one that came first of all; NULL: there is none. */
WEIR__INLINE const struct weir__warm_slot *weir__warm_first(const struct weir__warm *warm)
{
    return weir__list_of(warm->all.first, struct weir__warm_slot, all);
}

/* How many blocks of that owner were written to at their ends: these are kept. */
size_t weir__warm_check(const struct weir__warm *warm, const void *owner);

#endif
