/*
 * tools/report/frames.h - the functions that the nodes of a trace's stacks are in. Names come
 * from a callback; without one, or where it knows none, a frame is named by module and offset, and
 * its call is its identity. Owns the functions; knows no blocks.
 */
#ifndef WEIR_TOOLS_REPORT_FRAMES_H
#define WEIR_TOOLS_REPORT_FRAMES_H

#include "tools/report/keys.h"
#include "tools/trace/info.h"

/* Code made at run time is the program's own, or of the runtime that made it. */
enum report_script { REPORT_NATIVE, REPORT_RUNTIME, REPORT_SCRIPT };

/* What is known of an address. Texts live until the next call. */
struct report_symbol {
    const char *function; /* as people read it; NULL: unknown */
    const char *full;     /* with its arguments; or NULL */
    uint64_t start;       /* where the function begins in the process; 0: unknown */
    bool named;           /* `function` is a name, not made from an address */
    enum report_script script;
};

/* The function that the address is in, by the module that is there when the node `when` is met;
 * false: unknown. */
typedef bool report_namer(void *user, uint64_t address, size_t when, struct report_symbol *symbol);

/* Why functions of the module (its index in info->modules) have no names; NULL: nothing is known
 * to be wrong. */
typedef const char *report_problem(void *user, size_t module);

struct report_function {
    char *name, *full; /* full: NULL where it is the name */
    uint32_t module;   /* index + 1 in info->modules; 0: none */
    bool named;
    bool allocator; /* by its name */
    enum report_script script;
};

struct report_frames {
    const struct trace_info *info;
    struct report_function *functions; /* 0 is "(no stack)" */
    size_t nfunctions;
    uint32_t *of;      /* by node: its function */
    uint64_t nunnamed; /* addresses without a name */
    uint64_t naddresses;
    struct report_keys addresses; /* each with its module */
    uint32_t *of_address;         /* by number in `addresses` */
};

void report_frames_make(struct report_frames *frames, const struct trace_info *info,
                        report_namer *namer, void *user);
void report_frames_free(struct report_frames *frames);

/* The module's file name, or "". */
const char *report_frames_module(const struct report_frames *frames, uint32_t function);

/* How the program's own functions would get names, if code without names was made at run time: a
 * sentence; NULL: nothing is missing, or it is not known how. */
const char *report_frames_hint(const struct report_frames *frames);

/* Does a function of this name hand out memory for others, by the looks of it? */
bool report_is_allocator(const char *name);

#endif
