/*
 * tools/symbols/demangle.h - symbols as their language writes them, by the demangler of the C++
 * runtime where configure found one (HAVE_DEMANGLE). What that does not know stays as it is:
 * libstdc++'s takes no symbol of more than 1,024 bytes. Owns buffers. One thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_DEMANGLE_H
#define WEIR_TOOLS_SYMBOLS_DEMANGLE_H

#include <stddef.h>

/* Zeroed memory has none. */
struct demangled {
    char *full, *brief; /* of the latest symbol */
    size_t full_size, brief_size;
    char *runtime; /* what the runtime's demangler writes to */
    size_t runtime_size;
};

/* Makes full and brief of a symbol, of which `length` bytes are its name; both may be the
 * symbol. Names of Rust of version 0 stay as they are. */
void demangle(struct demangled *made, const char *symbol, size_t length);
void demangled_free(struct demangled *made);

#endif
