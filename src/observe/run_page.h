/*
 * observe/run_page.h - the memory that `weir run` shares with the programs it started:
 * one slot a process, written by that process alone, read by `weir run` when the
 * program has ended, however it ended. Owns the layout only.
 *
 *   | head | slot 0 | slot 1 | ...            each a page of 4 KiB
 *
 * A process claims a slot when it starts, when it is forked and after each exec. It
 * writes its figures now and then, and as the last thing before it exits or execs; so
 * those of a killed process are a little older than its end: `as_of` says how old.
 */
#ifndef WEIR_OBSERVE_RUN_PAGE_H
#define WEIR_OBSERVE_RUN_PAGE_H

#include <stdint.h>

/* The environment names the memory to the programs: a path to map. */
#define WEIR__RUN_VARIABLE "WEIR_RUN_PAGE"

#define WEIR__RUN_MAGIC   0x314e555252494557u /* "WEIRRUN1" */
#define WEIR__RUN_SLOTS   4096
#define WEIR__RUN_UNIT    4096
#define WEIR__RUN_CLASSES 65 /* the last: blocks of whole pages */

enum weir__run_state {
    WEIR__RUN_STARTED = 1, /* it runs, or was killed */
    WEIR__RUN_EXITED,      /* the figures are those at its exit */
    WEIR__RUN_EXECED       /* it became another program, which has the next slot */
};

struct weir__run_head {
    uint64_t magic;
    uint32_t claimed; /* slots asked for; atomic; may exceed WEIR__RUN_SLOTS */
    uint32_t unused;
};

/* What lives in blocks of one size. */
struct weir__run_class {
    uint64_t size;          /* of a block; 0: whole pages, each as many as it needs */
    uint64_t blocks, bytes; /* live: blocks, and bytes asked for */
    uint64_t held;          /* bytes of memory set aside for it, live or free */
};

struct weir__run_slot {
    uint32_t state;   /* enum weir__run_state */
    uint32_t version; /* odd while the process writes */
    int32_t pid, parent;
    char program[64];
    uint64_t started, as_of;             /* CLOCK_MONOTONIC, ns */
    uint64_t peak, peak_blocks, peak_at; /* the greatest total, and when it was seen */
    uint64_t live, blocks;               /* bytes asked for, and blocks */
    uint64_t allocations, frees, failures;
    uint64_t in_use, cached, reserved, metadata; /* as in weir_stats */
    uint64_t resident;                           /* of the whole process, bytes */
    uint64_t limit;
    struct weir__run_class classes[WEIR__RUN_CLASSES];
};

_Static_assert(sizeof(struct weir__run_slot) <= WEIR__RUN_UNIT, "a slot fits its page");

#define WEIR__RUN_BYTES ((uint64_t)(WEIR__RUN_SLOTS + 1) * WEIR__RUN_UNIT)

static inline struct weir__run_slot *weir__run_slot(void *page, uint32_t index)
{
    return (struct weir__run_slot *)((char *)page + (uint64_t)(index + 1) * WEIR__RUN_UNIT);
}

#endif
