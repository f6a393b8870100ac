/*
 * unwind/bytes.h - reads DWARF's numbers from a module's memory: fixed ones, those of seven bits a
 * byte, and encoded pointers. Knows nothing of what they mean. Who reads past the end gets zeros,
 * and the bytes are bad from then on. Takes no memory and no lock; any thread, also in a signal
 * handler.
 */
#ifndef WEIR_UNWIND_BYTES_H
#define WEIR_UNWIND_BYTES_H

#include "unwind/module.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__bytes {
    const unsigned char *at, *end;
    bool bad;
};

/* DW_EH_PE_*: the low half is the form, then what it is relative to, then indirection. */
enum {
    WEIR__PE_OMIT = 0xff,
    WEIR__PE_FORM = 0x0f,
    WEIR__PE_TO = 0x70,
    WEIR__PE_PC = 0x10,
    WEIR__PE_DATA = 0x30,
    WEIR__PE_INDIRECT = 0x80
};

/* A number of `n` bytes, at most 8. */
uint64_t weir__take_fixed(struct weir__bytes *b, size_t n);
uint64_t weir__take_uleb(struct weir__bytes *b);
int64_t weir__take_sleb(struct weir__bytes *b);

/* `data`: what pointers may be relative to. 0: there is none. */
uint64_t weir__take_pointer(struct weir__bytes *b, unsigned encoding, uint64_t data);

/* What the module has from its own address on. */
struct weir__bytes weir__bytes_at(const struct weir__module *module, uint64_t address);

#endif
