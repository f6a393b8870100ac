/*
 * observe/run_page.h - the memory that `weir run` shares with the processes it started.
 * Owns the layout and how a part of it is taken and given back; no code here but that.
 *
 *   | head | owners | images | tallies | chunks |
 *
 * image   a process image: one program in one process, from its start or its fork to its
 *         exit or its exec. Its figures, written by that process alone.
 * tally   a page whose end is the first line of a thread's heap (track/shown.h).
 * chunk   a part of a recording: whole records, or the events of one thread. Only where
 *         `weir run` records.
 *
 * Every part has an owner word: 0 is free, else the number of the image it belongs to, plus
 * one. A process takes a part by compare and swap; `weir run` gives all parts of an image
 * back when its process has ended and what they say was read. So a process that is killed at any
 * moment leaves nothing half taken. A part that is free is all zero but for the bytes of a
 * chunk: `weir run` sees a part as soon as it is taken.
 *
 * The processes trust `weir run`; it trusts no word here, because the programs write them.
 */
#ifndef WEIR_OBSERVE_RUN_PAGE_H
#define WEIR_OBSERVE_RUN_PAGE_H

#include "track/shown.h"
#include "track/trace_hook.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The environment names the memory to the programs: "PATH @NAME KEY", a path to open, or an
 * abstract socket that hands it to who knows the key; or the number of a segment. */
#define WEIR__RUN_VARIABLE "WEIR_RUN_PAGE"
#define WEIR__RUN_SEGMENT  "shm:"

#define WEIR__RUN_MAGIC UINT64_C(0x354e555252494557) /* "WEIRRUN5" */

#define WEIR__RUN_IMAGES  1024
#define WEIR__RUN_TALLIES 4096
#define WEIR__RUN_CHUNKS  2048
#define WEIR__RUN_CHUNK   32768 /* bytes, with its front */
#define WEIR__RUN_IMAGE   4096  /* bytes */
#define WEIR__RUN_CLASSES 65    /* the last: blocks of whole pages */
#define WEIR__RUN_COMMAND 760   /* bytes of a command line that are kept, */
#define WEIR__RUN_NAME    256   /* and of a program's name */

enum weir__run_kind {
    WEIR__RUN_MALLOC = 1, /* libweir-malloc.so: the program's malloc */
    WEIR__RUN_LIBWEIR     /* libweir, in a program that uses it */
};

enum weir__run_state {
    WEIR__RUN_STARTING = 0, /* taken, not yet filled in */
    WEIR__RUN_RUNNING,      /* it runs, or was ended from outside */
    WEIR__RUN_EXITED,       /* it came to exit, _exit or abort: the figures are those there */
    WEIR__RUN_EXECING       /* it called exec, and that did not fail */
};

enum {                               /* flags of an image */
       WEIR__RUN_FOREIGN_MALLOC = 1, /* another malloc serves the program */
       WEIR__RUN_FORKED = 2,         /* a child that fork made; else a program's start */
       WEIR__RUN_SHOWN = 4           /* `shown` and the tallies are kept */
};

struct weir__run_head {
    uint64_t magic;
    uint64_t bytes;       /* of all of it, as this process maps it */
    uint32_t unit;        /* of tallies: the system's page */
    uint32_t record;      /* events are wanted: there are chunks; */
    uint64_t limit;       /* bytes a process, 0: none */
    uint64_t stacks_from; /* as observe/stacks.h has it */
    uint32_t closed;      /* nobody reads any more; atomic, as the rest */
    uint32_t noted_lost;  /* images that found no room */
    uint64_t serial;      /* counts images */
    uint64_t clock;       /* as weir__trace_ticks, by `weir run`: for who may not ask */
    uint32_t image_hint, tally_hint, chunk_hint; /* where to look first */
    uint32_t chunks_freed; /* goes round: who found no chunk looks again when it has changed */
};

/* What lives in blocks of one size. */
struct weir__run_class {
    uint64_t size;          /* of a block; 0: whole pages, each as many as it needs */
    uint64_t blocks, bytes; /* live: blocks, and bytes asked for */
    uint64_t held;          /* bytes of memory set aside for it, live or free */
};

struct weir__run_image {
    uint32_t state; /* enum weir__run_state; atomic */
    uint32_t kind, flags;
    int32_t pid, parent;
    uint32_t lost;     /* enum weir__lost (base/program_file.h), of the program below */
    uint64_t serial;   /* in the order in which they were taken */
    uint64_t taken_at; /* CLOCK_BOOTTIME, ns: its process started before */
    uint64_t started;  /* CLOCK_MONOTONIC, ns, as all below */
    uint64_t before_allocations, before_frees; /* of the parent, until the fork */
    struct weir__shown shown;
    struct weir__trace_account account;

    uint32_t version;                         /* odd while the process writes what is below */
    uint32_t exact;                           /* it was written at the process's end */
    uint64_t as_of;                           /* when */
    uint64_t peak_seen, peak_blocks, peak_at; /* the latest peak that was noted, and when */
    uint64_t live, blocks, allocations, frees, failures; /* for WEIR__RUN_LIBWEIR */
    uint64_t in_use, cached, reserved, metadata;         /* as in weir_stats */
    uint64_t limit;
    char program[WEIR__RUN_NAME];    /* last part of the first argument */
    char command[WEIR__RUN_COMMAND]; /* all arguments, spaces between; cut */
    uint32_t word;                   /* bytes of the first argument */
    uint32_t execution;              /* the same for all images of one execution of a program */
    char lost_program[96];
    struct weir__run_class classes[WEIR__RUN_CLASSES];
};

_Static_assert(sizeof(struct weir__run_image) <= WEIR__RUN_IMAGE, "an image fits its page");

enum weir__chunk_state {
    WEIR__CHUNK_OPEN = 0, /* its thread puts more into it */
    WEIR__CHUNK_FULL      /* it does not */
};

/*
 * What a chunk begins with. `filled` holds the events (upper half) and the bytes (lower
 * half) that may be read: one store after each event. A chunk of records has no events;
 * its bytes are type, length, payload, one record after the other.
 */
struct weir__run_chunk {
    uint32_t state; /* atomic */
    uint32_t records;
    uint32_t thread, tid;
    uint64_t base_number, base_ticks;
    uint64_t filled;  /* atomic */
    uint64_t ordinal; /* counts the chunks of the process as they are begun */
    uint64_t unused[2];
    unsigned char bytes[];
};

#define WEIR__RUN_CHUNK_BYTES (WEIR__RUN_CHUNK - sizeof(struct weir__run_chunk))

/* -- where everything is -------------------------------------------------------------- */

#define WEIR__RUN_OWNERS_AT  4096u
#define WEIR__RUN_OWNERS     (WEIR__RUN_IMAGES + WEIR__RUN_TALLIES + WEIR__RUN_CHUNKS)
#define WEIR__RUN_IMAGES_AT  (UINT64_C(64) * 1024)
#define WEIR__RUN_TALLIES_AT (WEIR__RUN_IMAGES_AT + (uint64_t)WEIR__RUN_IMAGES * WEIR__RUN_IMAGE)

_Static_assert(WEIR__RUN_OWNERS_AT + 4 * WEIR__RUN_OWNERS <= WEIR__RUN_IMAGES_AT,
               "the owners lie before the images");

static inline uint32_t *weir__run_image_owner(void *page)
{
    return (uint32_t *)((char *)page + WEIR__RUN_OWNERS_AT);
}

static inline uint32_t *weir__run_tally_owner(void *page)
{
    return weir__run_image_owner(page) + WEIR__RUN_IMAGES;
}

static inline uint32_t *weir__run_chunk_owner(void *page)
{
    return weir__run_tally_owner(page) + WEIR__RUN_TALLIES;
}

static inline struct weir__run_image *weir__run_image(void *page, uint32_t index)
{
    return (struct weir__run_image *)((char *)page + WEIR__RUN_IMAGES_AT +
                                      (uint64_t)index * WEIR__RUN_IMAGE);
}

/* The page; the tally is its last line. */
static inline void *weir__run_tally_page(void *page, uint64_t unit, uint32_t index)
{
    return (char *)page + WEIR__RUN_TALLIES_AT + index * unit;
}

static inline uint64_t weir__run_chunks_at(uint64_t unit)
{
    return WEIR__RUN_TALLIES_AT + WEIR__RUN_TALLIES * unit;
}

static inline struct weir__run_chunk *weir__run_chunk(void *page, uint64_t unit, uint32_t index)
{
    return (struct weir__run_chunk *)((char *)page + weir__run_chunks_at(unit) +
                                      (uint64_t)index * WEIR__RUN_CHUNK);
}

static inline uint64_t weir__run_bytes(uint64_t unit, bool record)
{
    return weir__run_chunks_at(unit) + (record ? (uint64_t)WEIR__RUN_CHUNKS * WEIR__RUN_CHUNK : 0);
}

/* -- taking a part ------------------------------------------------------------------------ */

/* One of `count` parts whose owner is free, from about *hint on; its index, or -1: all are
 * taken. Wait-free; a process that is killed here owns the part or does not. */
static inline int64_t weir__run_take(uint32_t *owners, uint32_t count, uint32_t *hint,
                                     uint32_t owner)
{
    uint32_t from = __atomic_load_n(hint, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (from + i) % count, none = 0;
        if (__atomic_load_n(&owners[at], __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(&owners[at], &none, owner, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            __atomic_store_n(hint, (at + 1) % count, __ATOMIC_RELAXED);
            return at;
        }
    }
    return -1;
}

#endif
