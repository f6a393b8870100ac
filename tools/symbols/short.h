/*
 * tools/symbols/short.h - names of functions as one reads them in a table: without parameters,
 * return type and what a compiler hung on, template arguments as <...>. A name that is not
 * understood is left as it is. No state; any thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_SHORT_H
#define WEIR_TOOLS_SYMBOLS_SHORT_H

#include <stdbool.h>
#include <stddef.h>

/* Of a demangled name of C++, into `to`, which has room for 2 * strlen(name) + 4 bytes. */
void short_cxx(char *to, const char *name);

/* How much of a symbol of C is its name, without ".cold", ".part.0", "@@GLIBC_2.14". */
size_t short_symbol(const char *symbol);

/* A symbol of Rust before its v0 mangling, as the C++ demangler has it, in place: "$LT$" and its
 * like as what they stand for, the hash at the end cut off. 0: it is none, and was left. */
int short_rust(char *name);

/* Of the name that a compiler gave code at run time, into `to`, which has room for
 * 2 * strlen(name) + 16 bytes: "JS:~remember /srv/leak.js:3:18" is "remember leak.js:3",
 * "py::grow:/srv/a.py" "grow a.py". True: it is a function of the program's source, not of the
 * runtime's own. */
bool short_jit(char *to, const char *name);

#endif
