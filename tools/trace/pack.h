/*
 * tools/trace/pack.h - the payloads of EVTS records, deflated (EVTZ,
 * docs/internals/trace-format.md). No state; any thread.
 */
#ifndef WEIR_TOOLS_TRACE_PACK_H
#define WEIR_TOOLS_TRACE_PACK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Writes the recording at `path` to `to`, its records in their order and the events of each EVTS
 * deflated, where that is shorter. *cut: bytes at its end that are no whole record, left out. 0;
 * EINVAL: not a trace of a version that this weir knows, or damaged; or an errno value; with one
 * line in `why`. Errors of `to` are the caller's to look at.
 */
int trace_pack(const char *path, FILE *to, uint64_t *cut, char *why, size_t nwhy);

/* The EVTS payload that was packed into these bytes, of *length bytes, from malloc; NULL: they
 * are not what trace_pack makes. */
unsigned char *trace_unpack(const unsigned char *packed, size_t n, size_t *length);

#endif
