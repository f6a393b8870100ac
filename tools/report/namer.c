/* tools/report/namer.c - see namer.h. */
#include "tools/report/namer.h"
#include "tools/symbols/symbols.h"

#include <stddef.h>

static void modules_add(struct report_names *n)
{
    n->symbols = symbols_open(NULL);
    for (size_t i = 0; i < n->info->nmodules; i++) {
        const struct trace_module *m = &n->info->modules[i];
        symbols_add_module(n->symbols, m->address, m->size, m->path, m->build_id, m->first,
                           m->last);
        symbols_module_is_part(n->symbols, m->part, m->part_size);
    }
    for (size_t i = 0; i < n->info->njit; i++) {
        const struct trace_jit *jit = &n->info->jit[i];
        symbols_add_jit(n->symbols, jit->address, jit->size, jit->name);
    }
}

bool report_name_of(void *user, uint64_t address, size_t when, struct report_symbol *found)
{
    struct report_names *n = user;
    if (!n->symbols)
        modules_add(n);
    const struct symbol *symbol = symbols_find(n->symbols, address, when);
    found->function = symbol->name;
    found->full = symbol->full;
    found->named = symbol->named;
    found->script = symbol->kind != SYMBOL_JIT ? REPORT_NATIVE
                    : symbol->own              ? REPORT_SCRIPT
                                               : REPORT_RUNTIME;
    /* Starts are of the file: told apart by the module. */
    found->start = symbol->kind == SYMBOL_FUNCTION && symbol->module
                       ? symbol->module->base + symbol->start
                       : address;
    return symbol->kind != SYMBOL_ADDRESS;
}

const char *report_names_problem(void *user, size_t module)
{
    const struct report_names *n = user;
    return n->symbols && module < symbols_modules(n->symbols)
               ? symbols_problem(symbols_module_at(n->symbols, module))
               : NULL;
}

void report_names_end(struct report_names *n)
{
    if (n->symbols)
        symbols_close(n->symbols);
    n->symbols = NULL;
}
