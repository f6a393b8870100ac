/* tools/report/frames.c - see frames.h. */
#include "tools/report/frames.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- allocators ------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool contains_small(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == part[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

/* Where the last part of a qualified name begins, outside <...> and (...). */
static const char *last_part(const char *name)
{
    const char *part = name;
    int depth = 0;
    for (const char *at = name; *at; at++) {
        depth += *at == '<' || *at == '(';
        depth -= (*at == '>' && at > name && at[-1] != '-') || *at == ')';
        if (depth == 0 && at[0] == ':' && at[1] == ':')
            part = at + 2;
    }
    return part;
}

bool report_is_allocator(const char *name)
{
    static const char *const starts[] = {
        "std::",       "__gnu_cxx::",        "operator new",
        "void* std::", "boost::container::", "absl::container_internal::"};
    static const char *const whole[] = {"strdup",
                                        "strndup",
                                        "__strdup",
                                        "__strndup",
                                        "vasprintf",
                                        "asprintf",
                                        "memalign",
                                        "valloc",
                                        "pvalloc",
                                        "posix_memalign",
                                        "g_strdup",
                                        "xstrdup",
                                        "xmemdup",
                                        "g_memdup",
                                        "g_memdup2",
                                        "xstrndup",
                                        "mmap",
                                        "_IO_vasprintf",
                                        "g_slice_copy",
                                        "g_strndup",
                                        "wcsdup",
                                        "open_memstream",
                                        "__vasprintf_internal"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (begins(name, starts[i]))
            return true;
    const char *part = last_part(name);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(part, whole[i]) == 0)
            return true;
    return contains_small(part, "alloc");
}

/* -- functions -------------------------------------------------------------------------------- */

static uint32_t function_add(struct report_frames *f, struct report_function function)
{
    f->functions = memory_grow(f->functions, f->nfunctions, sizeof *f->functions);
    f->functions[f->nfunctions] = function;
    return (uint32_t)f->nfunctions++;
}

static char *copy(const char *text)
{
    return memory_text(text, strlen(text));
}

/* Index + 1 of the module that lay there when the node was met; 0: none. A module may be told of
 * after nodes in it, but not when it has gone. */
static uint32_t module_of(const struct trace_info *info, uint64_t address, size_t node)
{
    uint32_t later = 0;
    for (size_t i = info->nmodules; i-- > 0;) {
        const struct trace_module *m = &info->modules[i];
        if (address - m->part >= m->part_size || node >= m->last)
            continue;
        if (node >= m->first)
            return (uint32_t)i + 1;
        later = (uint32_t)i + 1;
    }
    return later;
}

/* The same for a library that goes and comes again: the first of that file. */
static uint32_t file_of(const struct trace_info *info, uint32_t module)
{
    const struct trace_module *m = module ? &info->modules[module - 1] : NULL;
    for (uint32_t i = 0; i + 1 < module; i++)
        if (strcmp(info->modules[i].path, m->path) == 0 &&
            strcmp(info->modules[i].build_id, m->build_id) == 0)
            return i + 1;
    return module;
}

static char *offset_name(const struct trace_info *info, uint32_t module, uint64_t address)
{
    if (!module)
        return copy(text_made("0x%" PRIx64, address));
    const struct trace_module *m = &info->modules[module - 1];
    const char *file = text_file_name(m->path);
    size_t room = strlen(file) + sizeof "+0x" + 16;
    char *name = memory_array(NULL, room, 1);
    snprintf(name, room, "%s+0x%" PRIx64, file, address - m->address);
    return name;
}

/* One number for an address and who lies there. */
static uint64_t place_key(uint64_t address, uint32_t module)
{
    return address + module * (UINT64_C(1) << 48);
}

struct maker {
    struct report_frames *frames;
    report_namer *namer;
    void *user;
    struct report_keys starts; /* of functions */
    uint32_t *of_start;
};

static uint64_t hash_of(const char *name, uint32_t module)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ module;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash;
}

/* Named: by name and file, so that its parts are one. Nameless: by where it begins; not even that
 * known: the call itself. */
static uint32_t function_of(struct maker *m, uint64_t address, size_t node, uint32_t module)
{
    struct report_frames *f = m->frames;
    struct report_symbol symbol = {0};
    size_t when = module ? f->info->modules[module - 1].first : node;
    bool known = m->namer && m->namer(m->user, address, when, &symbol) && symbol.function;
    uint32_t file = file_of(f->info, module);
    uint64_t start = known && symbol.named   ? hash_of(symbol.function, file)
                     : known && symbol.start ? place_key(symbol.start, file)
                                             : place_key(address, file);
    size_t before = m->starts.n;
    uint32_t number = report_keys_add(&m->starts, start);
    f->nunnamed += !known || !symbol.named;
    if (m->starts.n == before)
        return m->of_start[number];
    m->of_start = memory_grow(m->of_start, number, sizeof *m->of_start);
    char *name = known ? copy(symbol.function) : offset_name(f->info, module, address);
    bool full = known && symbol.full && strcmp(symbol.full, symbol.function) != 0;
    struct report_function made = {.name = name,
                                   .full = full ? copy(symbol.full) : NULL,
                                   .module = module,
                                   .named = known && symbol.named,
                                   .script = known ? symbol.script : REPORT_NATIVE};
    made.allocator = made.named && !made.script && report_is_allocator(made.name);
    return m->of_start[number] = function_add(f, made);
}

/* Return addresses: the call stands before them. */
static void nodes_read(struct maker *m)
{
    struct report_frames *f = m->frames;
    for (size_t node = 1; node < f->info->nstacks; node++) {
        uint64_t address = f->info->stacks[node].address - 1;
        uint32_t module = module_of(f->info, address, node);
        size_t before = f->addresses.n;
        uint32_t number = report_keys_add(&f->addresses, place_key(address, module));
        if (f->addresses.n > before) {
            f->of_address = memory_grow(f->of_address, number, sizeof *f->of_address);
            f->of_address[number] = function_of(m, address, node, module);
        }
        f->of[node] = f->of_address[number];
    }
    f->naddresses = f->addresses.n;
}

void report_frames_make(struct report_frames *f, const struct trace_info *info, report_namer *namer,
                        void *user)
{
    *f = (struct report_frames){.info = info};
    struct maker m = {.frames = f, .namer = namer, .user = user};
    function_add(f, (struct report_function){.name = copy("(no stack)"), .named = true});
    f->of = memory_zeroed(info ? info->nstacks : 0, sizeof *f->of);
    if (info)
        nodes_read(&m);
    report_keys_free(&m.starts);
    free(m.of_start);
}

void report_frames_free(struct report_frames *f)
{
    for (size_t i = 0; i < f->nfunctions; i++) {
        free(f->functions[i].name);
        free(f->functions[i].full);
    }
    free(f->functions);
    free(f->of);
    free(f->of_address);
    report_keys_free(&f->addresses);
}

const char *report_frames_module(const struct report_frames *f, uint32_t function)
{
    uint32_t module = f->functions[function].module;
    return module ? text_file_name(f->info->modules[module - 1].path) : "";
}

/* -- scripts ------------------------------------------------------------------------------------
 */

/* The minor version in "python3.11" or "libpython3.11.so.1.0"; 0: it is another file. */
static unsigned python_minor(const char *file)
{
    file += begins(file, "lib") ? 3 : 0;
    return begins(file, "python3.") ? (unsigned)strtoul(file + 8, NULL, 10) : 0;
}

const char *report_frames_hint(const struct report_frames *f)
{
    bool node = false;
    unsigned python = 0;
    for (size_t i = 1; i < f->nfunctions; i++) {
        if (f->functions[i].script)
            return NULL;
        const char *file = report_frames_module(f, (uint32_t)i);
        python = python ? python : python_minor(file);
        node |= strcmp(file, "node") == 0 || begins(file, "libnode.so");
    }
    if (node)
        return "JavaScript functions have no names here: node gives them with --perf-basic-prof "
               "--interpreted-frames-native-stack.";
    if (python >= 12)
        return "Python functions have no names here: CPython gives them with python3 -X perf.";
    return python
               ? text_made("Python functions have no names here: CPython 3.%u does not give them; "
                           "from 3.12 on it does, with python3 -X perf.",
                           python)
               : NULL;
}
