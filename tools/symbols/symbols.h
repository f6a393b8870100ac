/*
 * tools/symbols/symbols.h - names of addresses of a process that has ended, by the files that it
 * had mapped and the names that its JIT compilers left. An address gets a symbol only if it lies
 * within the symbol's size, or the symbol begins the function (by .eh_frame) that the address is
 * in; else that function's start is its name. There is no name by what happens to lie before.
 *
 * A file is believed only if it has the build id that the process saw. What is missing is said once
 * a module, never an address: symbols_module_at. Names are as the files have them: any bytes but
 * NUL, perhaps no UTF-8. Owns all that it returns, until symbols_close. A file is opened when the
 * first address in it is asked for. One thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_SYMBOLS_H
#define WEIR_TOOLS_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

/* What a module lacks; 0 before an address in it was asked for. */
enum {
    SYMBOLS_NO_FILE = 1,    /* it is not there, or cannot be read */
    SYMBOLS_CHANGED = 2,    /* it has another build id, or other segments: not used */
    SYMBOLS_UNREADABLE = 4, /* it is no ELF file of this kind of machine, or damaged */
    SYMBOLS_STRIPPED = 8,   /* names of what it exports at most */
    SYMBOLS_NO_LINES = 16,  /* no DWARF, or weir was built without libdw; symbols_places says so */
    SYMBOLS_UNCHECKED = 32  /* there was no build id to compare; the segments agree */
};

struct symbols_module {
    uint64_t base, bytes;     /* file addresses are those of the process less base */
    uint64_t first, end;      /* what is there of it */
    uint64_t from, to;        /* when it was there: from, and no longer at `to` */
    const char *path, *file;  /* "" where it had none; file: behind the last slash */
    const char *build_id;     /* as the process saw it, "" where there was none */
    const char *found_id;     /* as the file has it */
    const char *debug;        /* its separate debug file; NULL: none was found */
    unsigned lacks;           /* SYMBOLS_... */
    const char *why;          /* with NO_FILE and UNREADABLE: the reason, else "" */
    uint64_t asked, nameless; /* different addresses in it, and those that got no symbol */
};

enum symbol_kind {
    SYMBOL_NAMED,    /* a symbol of the file */
    SYMBOL_JIT,      /* a name that was added */
    SYMBOL_FUNCTION, /* no symbol, but the function's start: "fn:0x1a2b0" */
    SYMBOL_ADDRESS   /* neither: "libx.so+0x1a2b0", or "0x7f001a2b0" in no module */
};

struct symbol {
    uint64_t address;
    enum symbol_kind kind;
    bool named;       /* SYMBOL_NAMED or SYMBOL_JIT */
    bool own;         /* SYMBOL_JIT: a function of the program's source, not of its runtime's */
    const char *name; /* short: no parameters, no return type, template arguments as <...> */
    const char *full; /* demangled, else as it is */
    const char *file; /* the module's; "" in none */
    const struct symbols_module *module; /* NULL: in none */
    uint64_t
        start; /* of the function, as nm has it; of JIT code in the process; else the address */
};

/* A line of source; of an inlined function the line within it. */
struct symbol_place {
    const char *file;        /* its path as the compiler wrote it; NULL: not known */
    unsigned line;           /* 0: not known */
    const char *name, *full; /* of the function; where DWARF has none, the symbol's */
};

/* debug: where separate debug files are; NULL: /usr/lib/debug. Never NULL. */
struct symbols *symbols_open(const char *debug);
void symbols_close(struct symbols *symbols);

/* Texts are copied; NULL is "". `from` and `to`: by a clock of the caller's; 0 and UINT64_MAX:
 * always. Of modules at one place at one time, the one that came last is meant. All are added
 * before the first look-up. */
void symbols_add_module(struct symbols *symbols, uint64_t base, uint64_t bytes, const char *path,
                        const char *build_id, uint64_t from, uint64_t to);

/* Of the module that was added last only so much is there, from `first` on. */
void symbols_module_is_part(struct symbols *symbols, uint64_t first, uint64_t bytes);

/* In no module: where names overlap, the one added last is meant. */
void symbols_add_jit(struct symbols *symbols, uint64_t address, uint64_t bytes, const char *name);

/* Of a return address the caller passes one less. `event`: when, by that clock.
 * The same address in the same module gives the same pointer. Never NULL. */
const struct symbol *symbols_find(struct symbols *symbols, uint64_t address, uint64_t event);

/* Where in the source, the innermost inlined function first and the function that the symbol names
 * last; how many: 0, it is not known. Slower than symbols_find: it reads the DWARF of a unit. */
size_t symbols_places(struct symbols *symbols, const struct symbol *symbol,
                      const struct symbol_place **places);

size_t symbols_modules(const struct symbols *symbols);
const struct symbols_module *symbols_module_at(const struct symbols *symbols, size_t i);

/* What it lacks, on one line without its name: "changed since the recording (build id 12ab34cd
 * then, 56ef78ab now): no names". NULL: nothing that costs names; lines are not spoken of. Until 16
 * more texts are made (tools/common/text.h). */
const char *symbols_problem(const struct symbols_module *module);

#endif
