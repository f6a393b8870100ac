/*
 * tools/trace/info.h - a binary trace but for its events: who recorded it, what the
 * numbers in it mean, what was live at the start, the footer, and where the events lie.
 * Made in one pass over the file, which checks every length and CRC.
 *
 * Strict: the first damage is an error. Tolerant: it is left out and added up in `damage`,
 * and everything good is there. A file that was cut short is neither's error.
 */
#ifndef WEIR_TOOLS_TRACE_INFO_H
#define WEIR_TOOLS_TRACE_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names by number; NULL: not defined. */
struct trace_names {
    char **text;
    size_t n;
};

struct trace_context {
    char *name, *backing; /* NULL: not defined */
    uint32_t parent;
    uint32_t flags;
};

struct trace_base {
    uint64_t address, requested, usable;
    uint32_t context, tag;
    bool none; /* an event showed that it was not live at the start */
};

struct trace_sample {
    uint64_t number, ticks, ns, resident, reserved;
    uint64_t files; /* of resident: pages of files; 0 before version 1.5 */
};

struct trace_module {
    uint64_t address, size;
    uint64_t part, part_size; /* what is there of it: all, or what the program mapped by itself */
    char *path, *build_id;    /* the id in hexadecimal */
    uint64_t gone;            /* the number of the event by which it had gone; 0: it did not */
    size_t first, last;       /* nodes from first on and before last were met while it was there */
};

/* Code that was made at run time, by name. */
struct trace_jit {
    uint64_t address, size;
    char *name;
};

/* A call: where it returns to, and the node of the call around it. */
struct trace_stack {
    uint64_t address;
    uint32_t parent; /* 0: none is known */
};

/* One EVTS record, or EVTZ. */
struct trace_chunk {
    uint64_t offset; /* of its payload in the file */
    uint32_t length, thread;
    uint64_t number; /* of its first event, as it says */
    uint64_t ticks;  /* the base of its events' */
    bool packed;     /* its events are deflated (pack.h) */
    bool damaged;    /* tolerant: only the first `good` of its events can be read */
    uint64_t good;
};

/* What was passed over. */
struct trace_damage {
    uint64_t bytes, places;
    uint64_t first; /* the least offset of a place */
    char how[64];   /* what is wrong there */
};

struct trace_foot {
    bool present;
    uint64_t events, allocations, frees, total, count, peak, peak_number, dropped, error, ticks, ns,
        reserved;
    uint64_t cut, nodes; /* allocations whose stack is not whole; nodes of stacks */
    uint64_t under_way;  /* of `dropped`: calls that had not returned when the process ended */
};

struct trace_info {
    int fd;
    bool tolerant;
    char why[256]; /* what went wrong, without the file's name */
    struct trace_damage damage;
    uint64_t records; /* good ones */

    uint64_t bytes, pid, started, ticks, ns, page;
    char *command, *version, *root;
    char *host;   /* since 1.3: the system; NULL: not known */
    bool stacked; /* since 1.3: allocations have stacks, those of at least: */
    uint64_t stacks_from;
    uint64_t start_total, start_count, start_reserved;
    bool started_known; /* STRT was read */
    bool listed;        /* BASE was read */
    uint64_t cut;       /* bytes at the end that are no whole record */
    unsigned minor;     /* of the format's version */
    struct trace_foot foot;

    struct trace_names tags, names;
    uint8_t *classes; /* by tag, as far as `nclasses`: of its use (docs/trace-format.md); 0: none */
    size_t nclasses;
    struct trace_context *contexts; /* by number */
    size_t ncontexts;
    struct trace_base *base;
    size_t nbase;
    struct trace_sample *samples;
    size_t nsamples;
    struct trace_module *modules;
    size_t nmodules;
    struct trace_jit *jit; /* in the order of the file */
    size_t njit;
    struct trace_names threads; /* by thread, the latest */
    struct trace_stack *stacks; /* by node, from 1 on; a parent's number is below its own */
    size_t nstacks;             /* one more than the greatest node; 0: no stacks */
    struct trace_chunk *chunks; /* in the order of the file */
    size_t nchunks;
    uint64_t unknown; /* records of unknown type, skipped */
};

/* 0, or an errno value (EINVAL: not a trace, or damaged; tolerant: with nothing good in it)
 * with info->why. trace_info_close in either case. */
int trace_info_open(struct trace_info *info, const char *path);
int trace_info_open_tolerant(struct trace_info *info, const char *path);
void trace_info_close(struct trace_info *info);

/* Sets why; returns `code`. With EINVAL, of a file of a newer format, it says that too. */
int trace_info_fail(struct trace_info *info, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Bytes that mean nothing. Strict: an error, EINVAL; tolerant: they are noted, 0. */
int trace_info_damage(struct trace_info *info, uint64_t at, uint64_t bytes, const char *how);

/* Another block that was live at the start. */
void trace_info_add_base(struct trace_info *info, const struct trace_base *base);

/* Has the file a minor version that this reader does not know? What it knows is read. */
bool trace_info_is_newer(const struct trace_info *info);

/* "" where there is none. */
const char *trace_info_tag(const struct trace_info *info, uint32_t tag);
const char *trace_info_context(const struct trace_info *info, uint32_t context);
const char *trace_info_name(const struct trace_info *info, uint32_t name);

/* The last number given out; without a footer at least that many, `seen` being the greatest
 * that an event has. */
uint64_t trace_info_last(const struct trace_info *info, uint64_t seen);

/* Were blocks live at the start of which there is no list? So it is in a child made by fork. */
bool trace_info_inherits(const struct trace_info *info);

/* Seconds from the start of the recording. */
double trace_info_seconds(const struct trace_info *info, uint64_t ticks);

#endif
