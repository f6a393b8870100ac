/* observe/trace_frame.h - a recording's preamble and the frame of its records as bytes in a
 * file. No state; who owns the file is another's business. */
#ifndef WEIR_OBSERVE_TRACE_FRAME_H
#define WEIR_OBSERVE_TRACE_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* Writes a record of two parts at `offset`, wholly. 0 or an errno value. */
int weir__trace_frame_write(int file, uint32_t type, const void *head, size_t nhead,
                            const void *body, size_t nbody, uint64_t offset);

/* The same as bytes at `at`, with room for WEIR__TRACE_RECORD more than the payload; how many. */
size_t weir__trace_frame_put(unsigned char *at, uint32_t type, const void *payload,
                             uint32_t length);

/* Writes bytes at `offset`, wholly. 0 or an errno value. */
int weir__trace_bytes_write(int file, const void *bytes, size_t n, uint64_t offset);

/* The file's first bytes. 0 or an errno value. */
int weir__trace_preamble_write(int file);

#endif
