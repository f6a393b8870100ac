#include "tools/symbols/symbols.h"

#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/symbols/demangle.h"
#include "tools/symbols/module.h"
#include "tools/symbols/short.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES_MOST = 64, TEXT_BLOCK = 1 << 16 };

/* Texts and symbols, which all go at once. */
struct store {
    void **blocks;
    size_t nblocks;
    char *at;
    size_t left;
};

struct jit {
    uint64_t address, bytes;
    const char *name;
};

/* A symbol with what was asked of it later. */
struct answer {
    struct symbol symbol;
    size_t module; /* NO_MODULE */
    bool placed;
    size_t nplaces;
    const struct symbol_place *places;
};

struct symbols {
    char *debug;
    struct store store;
    struct module *modules; /* as they were added; pointers to them lead out, so they lie still */
    size_t nmodules;
    size_t *order;   /* modules by base, once there is a look-up */
    uint64_t *reach; /* the greatest end of those up to here */
    struct jit *jits;
    size_t njits;
    struct ranges jit_ranges; /* what: a jit */
    bool laid_out;
    struct answer **answers; /* open addressing by address and module; at most half is used */
    size_t nanswers, capacity;
    struct demangled demangled;
};

#define NO_MODULE SIZE_MAX

/* -- texts ----------------------------------------------------------------------------------------
 */

static void *store_room(struct store *store, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (n > store->left) {
        size_t block = n > TEXT_BLOCK ? n : TEXT_BLOCK;
        store->blocks = memory_grow(store->blocks, store->nblocks, sizeof *store->blocks);
        store->at = store->blocks[store->nblocks++] = memory_array(NULL, block, 1);
        store->left = block;
    }
    void *room = store->at;
    store->at += n;
    store->left -= n;
    return room;
}

static const char *store_text(struct store *store, const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(store_room(store, n), text, n);
}

static void store_free(struct store *store)
{
    for (size_t i = 0; i < store->nblocks; i++)
        free(store->blocks[i]);
    free(store->blocks);
}

/* -- what is added
 * --------------------------------------------------------------------------------- */

struct symbols *symbols_open(const char *debug)
{
    struct symbols *symbols = memory_zeroed(1, sizeof *symbols);
    debug = debug ? debug : "/usr/lib/debug";
    symbols->debug = memory_text(debug, strlen(debug));
    return symbols;
}

void symbols_close(struct symbols *symbols)
{
    if (!symbols)
        return;
    for (size_t i = 0; i < symbols->nmodules; i++)
        module_close(&symbols->modules[i]);
    demangled_free(&symbols->demangled);
    ranges_free(&symbols->jit_ranges);
    store_free(&symbols->store);
    free(symbols->modules);
    free(symbols->order);
    free(symbols->reach);
    free(symbols->jits);
    free(symbols->answers);
    free(symbols->debug);
    free(symbols);
}

static uint64_t end_of(uint64_t first, uint64_t bytes)
{
    return first + bytes < first ? UINT64_MAX : first + bytes;
}

void symbols_module_is_part(struct symbols *symbols, uint64_t first, uint64_t bytes)
{
    struct symbols_module *about = &symbols->modules[symbols->nmodules - 1].about;
    about->first = first;
    about->end = end_of(first, bytes);
}

void symbols_add_module(struct symbols *symbols, uint64_t base, uint64_t bytes, const char *path,
                        const char *build_id, uint64_t from, uint64_t to)
{
    assert(!symbols->laid_out);
    path = path ? path : "";
    build_id = build_id ? build_id : "";
    symbols->modules = memory_grow(symbols->modules, symbols->nmodules, sizeof *symbols->modules);
    struct module *module = &symbols->modules[symbols->nmodules++];
    *module = (struct module){0};
    struct symbols_module *about = &module->about;
    *about = (struct symbols_module){.base = base,
                                     .bytes = bytes,
                                     .first = base,
                                     .end = end_of(base, bytes),
                                     .from = from,
                                     .to = to};
    about->path = memory_text(path, strlen(path));
    about->file = text_file_name(about->path);
    about->build_id = memory_text(build_id, strlen(build_id));
    about->found_id = about->why = "";
}

void symbols_add_jit(struct symbols *symbols, uint64_t address, uint64_t bytes, const char *name)
{
    assert(!symbols->laid_out && symbols->njits < UINT32_MAX);
    uint64_t end = end_of(address, bytes);
    uint32_t number = (uint32_t)symbols->njits;
    symbols->jits = memory_grow(symbols->jits, symbols->njits, sizeof *symbols->jits);
    symbols->jits[symbols->njits++] =
        (struct jit){address, bytes, store_text(&symbols->store, name ? name : "")};
    ranges_add(&symbols->jit_ranges, address, end, number, number);
}

static int order_compare(const void *left, const void *right, void *modules)
{
    const struct module *a = (struct module *)modules + *(const size_t *)left;
    const struct module *b = (struct module *)modules + *(const size_t *)right;
    if (a->about.first != b->about.first)
        return a->about.first < b->about.first ? -1 : 1;
    return a < b ? -1 : a > b;
}

static void symbols_lay_out(struct symbols *symbols)
{
    uint64_t reach = 0;
    symbols->laid_out = true;
    symbols->order = memory_array(NULL, symbols->nmodules, sizeof *symbols->order);
    symbols->reach = memory_array(NULL, symbols->nmodules, sizeof *symbols->reach);
    for (size_t i = 0; i < symbols->nmodules; i++)
        symbols->order[i] = i;
    qsort_r(symbols->order, symbols->nmodules, sizeof *symbols->order, order_compare,
            symbols->modules);
    for (size_t i = 0; i < symbols->nmodules; i++) {
        uint64_t end = symbols->modules[symbols->order[i]].about.end;
        symbols->reach[i] = reach = end > reach ? end : reach;
    }
    ranges_lay_out(&symbols->jit_ranges);
}

/* -- which module
 * ---------------------------------------------------------------------------------- */

/* How many begin at or below the address. */
static size_t modules_below(const struct symbols *symbols, uint64_t address)
{
    size_t low = 0, high = symbols->nmodules;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols->modules[symbols->order[middle]].about.first <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The one that came last of those that are there then. */
static size_t module_find(const struct symbols *symbols, uint64_t address, uint64_t event)
{
    size_t best = NO_MODULE;
    const struct module *found = NULL;
    for (size_t i = modules_below(symbols, address); i-- > 0 && symbols->reach[i] > address;) {
        size_t each = symbols->order[i];
        const struct module *module = &symbols->modules[each];
        if (address >= module->about.end || event < module->about.from || event >= module->about.to)
            continue;
        if (!found || module->about.from > found->about.from ||
            (module->about.from == found->about.from && each > best)) {
            best = each;
            found = module;
        }
    }
    return best;
}

/* -- answers
 * ---------------------------------------------------------------------------------------- */

static size_t answer_place(const struct symbols *symbols, uint64_t address, size_t module)
{
    uint64_t hash = (address ^ (uint64_t)module << 48) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 20) & (symbols->capacity - 1);
    while (symbols->answers[i] && (symbols->answers[i]->symbol.address != address ||
                                   symbols->answers[i]->module != module))
        i = (i + 1) & (symbols->capacity - 1);
    return i;
}

static void answers_grow(struct symbols *symbols)
{
    struct answer **old = symbols->answers;
    size_t n = symbols->capacity;
    symbols->capacity = n ? 2 * n : 1024;
    symbols->answers = memory_zeroed(symbols->capacity, sizeof *old);
    for (size_t i = 0; i < n; i++)
        if (old[i])
            symbols->answers[answer_place(symbols, old[i]->symbol.address, old[i]->module)] =
                old[i];
    free(old);
}

/* A function's names are made once. */
static void answer_named(struct symbols *symbols, struct symbol *symbol, struct function *function)
{
    if (!function->name) {
        demangle(&symbols->demangled, function->symbol, strcspn(function->symbol, "@"));
        function->full = store_text(&symbols->store, symbols->demangled.full);
        function->name = strcmp(symbols->demangled.brief, symbols->demangled.full) == 0
                             ? function->full
                             : store_text(&symbols->store, symbols->demangled.brief);
    }
    symbol->kind = SYMBOL_NAMED;
    symbol->named = true;
    symbol->name = function->name;
    symbol->full = function->full;
    symbol->start = function->start;
}

static void answer_by_text(struct symbols *symbols, struct symbol *symbol, enum symbol_kind kind,
                           const char *text)
{
    symbol->kind = kind;
    symbol->name = symbol->full = store_text(&symbols->store, text);
}

static void answer_in_module(struct symbols *symbols, struct symbol *symbol, struct module *module)
{
    uint64_t address = symbol->address - module->about.base;
    bool known;
    module_open(module, symbols->debug);
    symbol->start = address;
    symbol->module = &module->about;
    symbol->file = module->about.file;
    struct function *function = module_function(module, address, &symbol->start, &known);
    module->about.asked++;
    if (function)
        answer_named(symbols, symbol, function);
    else if (known)
        answer_by_text(symbols, symbol, SYMBOL_FUNCTION, text_made("fn:0x%" PRIx64, symbol->start));
    else
        answer_by_text(symbols, symbol, SYMBOL_ADDRESS,
                       text_made("%s+0x%" PRIx64, symbol->file, address));
    module->about.nameless += !function;
}

static void answer_in_none(struct symbols *symbols, struct symbol *symbol)
{
    const struct range *range = ranges_find(&symbols->jit_ranges, symbol->address);
    const struct jit *jit = range ? &symbols->jits[range->what] : NULL;
    symbol->file = "";
    symbol->start = jit ? jit->address : symbol->address;
    symbol->named = jit;
    if (jit) {
        char *brief = memory_array(NULL, 2 * strlen(jit->name) + 16, 1);
        symbol->kind = SYMBOL_JIT;
        symbol->own = short_jit(brief, jit->name);
        symbol->full = jit->name;
        symbol->name = store_text(&symbols->store, brief);
        free(brief);
    } else
        answer_by_text(symbols, symbol, SYMBOL_ADDRESS, text_made("0x%" PRIx64, symbol->address));
}

const struct symbol *symbols_find(struct symbols *symbols, uint64_t address, uint64_t event)
{
    if (!symbols->laid_out)
        symbols_lay_out(symbols);
    if (2 * symbols->nanswers >= symbols->capacity)
        answers_grow(symbols);
    size_t module = module_find(symbols, address, event);
    size_t place = answer_place(symbols, address, module);
    struct answer *answer = symbols->answers[place];
    if (answer)
        return &answer->symbol;
    answer = store_room(&symbols->store, sizeof *answer);
    *answer = (struct answer){.symbol = {.address = address}, .module = module};
    if (module != NO_MODULE)
        answer_in_module(symbols, &answer->symbol, &symbols->modules[module]);
    else
        answer_in_none(symbols, &answer->symbol);
    symbols->answers[place] = answer;
    symbols->nanswers++;
    return &answer->symbol;
}

/* -- places
 * ---------------------------------------------------------------------------------------- */

static void place_make(struct symbols *symbols, struct symbol_place *place, const struct line *line,
                       const struct symbol *symbol)
{
    *place = (struct symbol_place){line->file, line->line, symbol->name, symbol->full};
    if (!line->symbol)
        return;
    demangle(&symbols->demangled, line->symbol, strlen(line->symbol));
    place->full = store_text(&symbols->store, symbols->demangled.full);
    place->name = store_text(&symbols->store, symbols->demangled.brief);
}

static void answer_places(struct symbols *symbols, struct answer *answer)
{
    struct line lines[PLACES_MOST];
    struct module *module = &symbols->modules[answer->module];
    size_t n =
        module_lines(module, answer->symbol.address - module->about.base, lines, PLACES_MOST);
    struct symbol_place *places = store_room(&symbols->store, n * sizeof *places);
    for (size_t i = 0; i < n; i++)
        place_make(symbols, &places[i], &lines[i], &answer->symbol);
    answer->places = places;
    answer->nplaces = n;
}

size_t symbols_places(struct symbols *symbols, const struct symbol *symbol,
                      const struct symbol_place **places)
{
    struct answer *answer = (struct answer *)symbol;
    if (!answer->placed && answer->module != NO_MODULE)
        answer_places(symbols, answer);
    answer->placed = true;
    *places = answer->places;
    return answer->nplaces;
}

/* -- modules
 * ---------------------------------------------------------------------------------------- */

size_t symbols_modules(const struct symbols *symbols)
{
    return symbols->nmodules;
}

const struct symbols_module *symbols_module_at(const struct symbols *symbols, size_t i)
{
    return &symbols->modules[i].about;
}

static const char *id_text(const char *id)
{
    return *id ? text_made("%.8s", id) : "none";
}

const char *symbols_problem(const struct symbols_module *module)
{
    const char *left = module->debug ? "names of its debug file alone" : "no names";
    if (module->lacks & SYMBOLS_CHANGED)
        return *module->build_id
                   ? text_made("changed since the recording (build id %s then, %s now): %s",
                               id_text(module->build_id), id_text(module->found_id), left)
                   : text_made("changed since the recording (other segments): %s", left);
    if (module->lacks & SYMBOLS_NO_FILE)
        return text_made("not there (%s): %s", module->why, left);
    if (module->lacks & SYMBOLS_UNREADABLE)
        return text_made("cannot be read (%s): %s", module->why, left);
    if (module->lacks & SYMBOLS_STRIPPED)
        return text_made("stripped: names of what it exports alone");
    if (module->lacks & SYMBOLS_UNCHECKED)
        return text_made("has no build id: that it is the same file is not known for sure");
    return NULL;
}
