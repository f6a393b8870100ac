/*
 * tools/trace/binary.h - weir's own binary traces (docs/internals/trace-format.md) as what load.h
 * says a trace is. No state; any thread.
 */
#ifndef WEIR_TOOLS_TRACE_BINARY_H
#define WEIR_TOOLS_TRACE_BINARY_H

#include "tools/trace/info.h"
#include "tools/trace/load.h"

/* Bytes of a file's start that trace_is_binary looks at. */
#define TRACE_MAGIC_SIZE 8

/* Is a file that starts with these `n` bytes meant to be a binary trace? */
bool trace_is_binary(const void *start, size_t n);

/*
 * As trace_load, for a binary trace. What was live when the recording began comes first, as
 * allocations; what is live at the end is freed there, so that a replay is balanced. A file that
 * was cut short (a killed program) is loaded as far as it goes.
 */
int trace_load_binary(const char *path, struct trace *trace, char *why, size_t nwhy);

/* The same of a trace that was opened, and replayed once; error: info->why. `path` is what its
 * name is made of. */
int trace_load_replayed(struct trace_info *info, const char *path, struct trace *trace);

#endif
