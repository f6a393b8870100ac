/*
 * observe/format.h - the constants of docs/internals/trace-format.md. The recorder and the tool's
 * reader share these and nothing else.
 */
#ifndef WEIR_OBSERVE_FORMAT_H
#define WEIR_OBSERVE_FORMAT_H

#include <stdint.h>

#define WEIR__TRACE_MAGIC      "\x89WEIR\r\n\x1a"
#define WEIR__TRACE_MAJOR      1u
#define WEIR__TRACE_MINOR      5u
#define WEIR__TRACE_PREAMBLE   16
#define WEIR__TRACE_RECORD     12 /* bytes in front of a payload */
#define WEIR__TRACE_LENGTH_MAX (1u << 24)

#define WEIR__TRACE_TYPE(a, b, c, d)                                                               \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define WEIR__TRACE_HEAD WEIR__TRACE_TYPE('H', 'E', 'A', 'D')
#define WEIR__TRACE_ROOM WEIR__TRACE_TYPE('R', 'O', 'O', 'M')
#define WEIR__TRACE_STRT WEIR__TRACE_TYPE('S', 'T', 'R', 'T')
#define WEIR__TRACE_BASE WEIR__TRACE_TYPE('B', 'A', 'S', 'E')
#define WEIR__TRACE_TAGN WEIR__TRACE_TYPE('T', 'A', 'G', 'N')
#define WEIR__TRACE_CTXN WEIR__TRACE_TYPE('C', 'T', 'X', 'N')
#define WEIR__TRACE_NAME WEIR__TRACE_TYPE('N', 'A', 'M', 'E')
#define WEIR__TRACE_MODL WEIR__TRACE_TYPE('M', 'O', 'D', 'L')
#define WEIR__TRACE_EVTS WEIR__TRACE_TYPE('E', 'V', 'T', 'S')
#define WEIR__TRACE_EVTZ WEIR__TRACE_TYPE('E', 'V', 'T', 'Z')
#define WEIR__TRACE_SAMP WEIR__TRACE_TYPE('S', 'A', 'M', 'P')
#define WEIR__TRACE_STKN WEIR__TRACE_TYPE('S', 'T', 'K', 'N')
#define WEIR__TRACE_MODU WEIR__TRACE_TYPE('M', 'O', 'D', 'U')
#define WEIR__TRACE_THRN WEIR__TRACE_TYPE('T', 'H', 'R', 'N')
#define WEIR__TRACE_JITM WEIR__TRACE_TYPE('J', 'I', 'T', 'M')
#define WEIR__TRACE_FOOT WEIR__TRACE_TYPE('F', 'O', 'O', 'T')

enum { /* bits 0 to 2 of an event's first byte */
       WEIR__TRACE_OTHER = 0,
       WEIR__TRACE_ALLOCATE,
       WEIR__TRACE_FREE,
       WEIR__TRACE_RESIZE,
       WEIR__TRACE_MOVE /* a resize that moved the block; since 1.2 */
};

#define WEIR__TRACE_KIND_MASK 7
#define WEIR__TRACE_NUMBER    (1 << 3) /* a number that is not the next */
#define WEIR__TRACE_TIME      (1 << 4) /* ticks passed */
#define WEIR__TRACE_SHAPE     (1 << 5) /* the shape in full; of a free: its size */
#define WEIR__TRACE_ADDRESS   (1 << 6) /* the address, not a slot */
#define WEIR__TRACE_UNALIGNED (1 << 7) /* in bytes, not in units of 16 */
#define WEIR__TRACE_SUB_SHIFT 3

enum { /* bits 3 to 7 of WEIR__TRACE_OTHER */
       WEIR__TRACE_FAILED = 1,
       WEIR__TRACE_ADJUSTED,
       WEIR__TRACE_DESTROYED,
       WEIR__TRACE_MARK_BEGIN,
       WEIR__TRACE_MARK_END,
       WEIR__TRACE_REGION_TAKEN,
       WEIR__TRACE_REGION_GIVEN,
       WEIR__TRACE_MAPPED, /* by the program's own calls; since 1.4 */
       WEIR__TRACE_UNMAPPED,
       WEIR__TRACE_NOTES = 16, /* from here on: neither number nor ticks */
       WEIR__TRACE_NOTE_STACK = 16,
       WEIR__TRACE_NOTE_BEFORE
};

#define WEIR__TRACE_SLOTS  256 /* addresses */
#define WEIR__TRACE_SHAPES 128

static inline unsigned weir__trace_slot(uint64_t address)
{
    return (unsigned)(((address >> 4) * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

#endif
