/*
 * tools/report/namer.h - names of a trace's calls by the files that its process had mapped
 * (tools/symbols). A namer is its caller's; the trace outlives it.
 */
#ifndef WEIR_TOOLS_REPORT_NAMER_H
#define WEIR_TOOLS_REPORT_NAMER_H

#include "tools/report/frames.h"

struct symbols;

struct report_names {
    struct symbols *symbols; /* NULL before the first name is asked for */
    const struct trace_info *info;
};

/* A report_namer: `user` is a struct report_names with its info. */
bool report_name_of(void *user, uint64_t address, size_t when, struct report_symbol *symbol);

/* A report_problem, of the same. Good until 16 more texts are made. */
const char *report_names_problem(void *user, size_t module);

void report_names_end(struct report_names *names);

#endif
