/*
 * tools/trace/load.h - a recorded allocation trace in memory, whatever format it was
 * in: the text of bench/traces (plain or gzip), or weir's own binary one
 * (docs/internals/trace-format.md). Owns the events; knows nothing of replaying them.
 *
 * Ids run 1, 2, 3, ... in the order of allocation. Events stand in the order in which
 * they took effect. A reallocation is its own event: the id keeps living with a
 * new size.
 */
#ifndef WEIR_TOOLS_TRACE_LOAD_H
#define WEIR_TOOLS_TRACE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_kind { TRACE_ALLOCATE, TRACE_FREE, TRACE_RESIZE };

struct trace_event {
    uint64_t size; /* bytes; of a free: 0 */
    uint32_t id;
    uint32_t align;  /* of an allocation, else 0 */
    uint32_t thread; /* 0, 1, 2, ... in the order of appearance */
    uint8_t kind;    /* enum trace_kind */
};

struct trace_mark {
    char *name;   /* "load", "run1", ... */
    size_t event; /* the phase starts before this event */
};

struct trace {
    char *name; /* of the file, without folders and endings */
    struct trace_event *events;
    size_t nevents;
    uint32_t nblocks; /* greatest id */
    uint32_t nthreads;
    uint64_t peak_live; /* as the file says; checked against the events by trace_load */
    struct trace_mark *marks;
    size_t nmarks;
};

/*
 * Loads the file. 0, or an errno value with one line in `why` ("FILE:LINE: what is
 * wrong"): ENOENT and the like for an unreadable file, EINVAL for a bad one (an unknown
 * id, a double free, a size that overflows, a peak that is not the events' own), ENOMEM.
 */
int trace_load(const char *path, struct trace *trace, char *why, size_t nwhy);
void trace_free(struct trace *trace);

/* Is the file a trace? By its name's ending or its first bytes, of any format. */
bool trace_is(const char *path);

/* The name of a trace from its file's, without folders and endings; from malloc. */
char *trace_name(const char *path);

/* The makers' of a trace. A mark's name is copied. */
void trace_add_event(struct trace *trace, const struct trace_event *event);
void trace_add_mark(struct trace *trace, const char *name, size_t event);

#endif
