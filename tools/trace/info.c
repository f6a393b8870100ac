/* tools/trace/info.c - see info.h. */
#include "tools/trace/info.h"
#include "tools/common/memory.h"

#include "observe/format.h"
#include "tools/trace/cursor.h"
#include "tools/trace/records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool trace_info_is_newer(const struct trace_info *info)
{
    return info->minor > WEIR__TRACE_MINOR;
}

int trace_info_fail(struct trace_info *info, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(info->why, sizeof info->why, format, arguments);
    va_end(arguments);
    if (code == EINVAL && trace_info_is_newer(info) && n > 0 && (size_t)n < sizeof info->why)
        snprintf(info->why + n, sizeof info->why - (size_t)n,
                 " (the file has version %u.%u of the format, this weir reads %u.%u)",
                 WEIR__TRACE_MAJOR, info->minor, WEIR__TRACE_MAJOR, WEIR__TRACE_MINOR);
    return code;
}

int trace_info_damage(struct trace_info *info, uint64_t at, uint64_t bytes, const char *how)
{
    struct trace_damage *d = &info->damage;
    if (!info->tolerant)
        return trace_info_fail(info, EINVAL, "damaged at byte %" PRIu64 ": %s", at, how);
    if (!d->places || at <= d->first) {
        d->first = at;
        snprintf(d->how, sizeof d->how, "%s", how);
    }
    d->places++;
    d->bytes += bytes;
    return 0;
}

/* One more element, a copy. */
static void array_add(void **array, size_t *n, size_t size, const void *element)
{
    *array = memory_grow(*array, *n, size);
    memcpy((char *)*array + (*n)++ * size, element, size);
}

static char *cursor_text(struct trace_cursor *c)
{
    size_t length;
    const unsigned char *text = cursor_string(c, &length);
    return memory_text((const char *)text, length);
}

static char *cursor_hex(struct trace_cursor *c)
{
    size_t length;
    const unsigned char *bytes = cursor_string(c, &length);
    char *text = memory_zeroed(2 * length + 1, 1);
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

/* -- one function a type of record ----------------------------------------------------------- */

static void read_head(struct trace_info *info, struct trace_cursor *c)
{
    info->pid = cursor_varint(c);
    info->started = cursor_varint(c);
    info->ticks = cursor_varint(c);
    info->ns = cursor_varint(c);
    info->command = cursor_text(c);
    info->version = cursor_text(c);
    info->root = cursor_text(c);
    info->page = cursor_varint(c);
    if (c->at == c->end)
        return; /* before 1.3 */
    info->stacked = cursor_varint(c) != 0;
    info->stacks_from = cursor_varint(c);
    info->host = cursor_text(c);
}

static void read_start(struct trace_info *info, struct trace_cursor *c)
{
    uint64_t total = cursor_varint(c), count = cursor_varint(c), reserved = cursor_varint(c);
    if (c->bad)
        return;
    info->start_total = total;
    info->start_count = count;
    info->start_reserved = reserved;
    info->started_known = true;
}

void trace_info_add_base(struct trace_info *info, const struct trace_base *base)
{
    array_add((void **)&info->base, &info->nbase, sizeof *base, base);
}

static void read_base(struct trace_info *info, struct trace_cursor *c)
{
    uint64_t count = cursor_varint(c), address = 0;
    info->listed = true;
    for (uint64_t i = 0; i < count; i++) {
        address += cursor_svarint(c);
        struct trace_base base = {.address = address};
        base.requested = cursor_varint(c);
        base.usable = cursor_varint(c);
        base.context = (uint32_t)cursor_number(c);
        base.tag = (uint32_t)cursor_varint(c);
        if (c->bad)
            break;
        trace_info_add_base(info, &base);
    }
}

/* Returns its number. */
static uint64_t read_name(struct trace_cursor *c, struct trace_names *names)
{
    uint64_t number = cursor_number(c);
    static char *const none;
    if (c->bad)
        return number;
    while (names->n <= number)
        array_add((void **)&names->text, &names->n, sizeof none, &none);
    free(names->text[number]);
    names->text[number] = cursor_text(c);
    return number;
}

/* Of a tag a class may follow, of which the latest holds. */
static void read_tag(struct trace_info *info, struct trace_cursor *c)
{
    static const uint8_t none;
    uint64_t number = read_name(c, &info->tags);
    if (c->bad || c->at == c->end)
        return;
    uint64_t class = cursor_varint(c);
    if (c->bad || (!class && number >= info->nclasses))
        return;
    while (info->nclasses <= number)
        array_add((void **)&info->classes, &info->nclasses, sizeof none, &none);
    info->classes[number] = class < UINT8_MAX ? (uint8_t) class : UINT8_MAX;
}

static void read_context(struct trace_info *info, struct trace_cursor *c)
{
    static const struct trace_context none;
    uint64_t number = cursor_number(c);
    if (c->bad)
        return;
    while (info->ncontexts <= number)
        array_add((void **)&info->contexts, &info->ncontexts, sizeof none, &none);
    struct trace_context *context = &info->contexts[number];
    free(context->name);
    free(context->backing);
    context->parent = (uint32_t)cursor_varint(c);
    context->flags = (uint32_t)cursor_varint(c);
    context->name = cursor_text(c);
    context->backing = cursor_text(c);
}

static void read_module(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_module module = {.address = cursor_varint(c)};
    module.size = cursor_varint(c);
    module.path = cursor_text(c);
    module.build_id = cursor_hex(c);
    module.part = c->at < c->end ? cursor_varint(c) : module.address;
    module.part_size = c->at < c->end ? cursor_varint(c) : module.size;
    module.first = info->nstacks;
    module.last = SIZE_MAX;
    array_add((void **)&info->modules, &info->nmodules, sizeof module, &module);
}

/* The latest one there that has not gone yet. */
static void read_module_gone(struct trace_info *info, struct trace_cursor *c)
{
    uint64_t address = cursor_varint(c), number = cursor_varint(c);
    for (size_t i = info->nmodules; i-- > 0 && !c->bad;)
        if (info->modules[i].address == address && !info->modules[i].gone) {
            info->modules[i].gone = number ? number : 1;
            info->modules[i].last = info->nstacks;
            return;
        }
}

static void read_jit(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_jit jit = {.address = cursor_varint(c)};
    jit.size = cursor_varint(c);
    if (c->bad)
        return;
    jit.name = cursor_text(c);
    array_add((void **)&info->jit, &info->njit, sizeof jit, &jit);
}

/* Nodes [first, first + count). A parent that is not below its child is none. */
static void read_stacks(struct trace_info *info, struct trace_cursor *c)
{
    static const struct trace_stack none;
    uint64_t count = cursor_varint(c), node = cursor_varint(c), address = 0;
    for (; count && !c->bad; count--, node++) {
        uint64_t above = cursor_varint(c);
        address += cursor_svarint(c);
        if (node >= TRACE_STACKS_MOST)
            cursor_bad(c);
        if (c->bad)
            return;
        while (info->nstacks <= node)
            array_add((void **)&info->stacks, &info->nstacks, sizeof none, &none);
        info->stacks[node] =
            (struct trace_stack){address, above && above <= node ? (uint32_t)(node - above) : 0};
    }
}

static void read_sample(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_sample sample = {.number = cursor_varint(c)};
    sample.ticks = cursor_varint(c);
    sample.ns = cursor_varint(c);
    sample.resident = cursor_varint(c);
    sample.reserved = cursor_varint(c);
    sample.files = c->at < c->end ? cursor_varint(c) : 0;
    if (!c->bad)
        array_add((void **)&info->samples, &info->nsamples, sizeof sample, &sample);
}

static void read_foot(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_foot f = {.present = true};
    uint64_t *fields[] = {&f.events, &f.allocations, &f.frees,       &f.total,
                          &f.count,  &f.peak,        &f.peak_number, &f.dropped,
                          &f.error,  &f.ticks,       &f.ns,          &f.reserved};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i] = cursor_varint(c);
    f.under_way = c->at < c->end ? cursor_varint(c) : 0; /* since 1.1 */
    f.cut = c->at < c->end ? cursor_varint(c) : 0;       /* since 1.3 */
    f.nodes = c->at < c->end ? cursor_varint(c) : 0;
    if (!c->bad)
        info->foot = f;
}

static void read_chunk(struct trace_info *info, struct trace_cursor *c, uint64_t offset,
                       bool packed)
{
    struct trace_chunk chunk = {
        .offset = offset, .length = (uint32_t)(c->end - c->at), .packed = packed};
    chunk.thread = (uint32_t)cursor_varint(c);
    cursor_varint(c);
    chunk.number = cursor_varint(c) + 1;
    chunk.ticks = cursor_varint(c);
    cursor_varint(c);
    if (!c->bad)
        array_add((void **)&info->chunks, &info->nchunks, sizeof chunk, &chunk);
}

static void read_payload(struct trace_info *info, uint32_t type, struct trace_cursor *c,
                         uint64_t offset)
{
    static const struct {
        uint32_t type;
        void (*read)(struct trace_info *info, struct trace_cursor *c);
    } kinds[] = {{WEIR__TRACE_HEAD, read_head},        {WEIR__TRACE_STRT, read_start},
                 {WEIR__TRACE_BASE, read_base},        {WEIR__TRACE_TAGN, read_tag},
                 {WEIR__TRACE_CTXN, read_context},     {WEIR__TRACE_MODL, read_module},
                 {WEIR__TRACE_MODU, read_module_gone}, {WEIR__TRACE_JITM, read_jit},
                 {WEIR__TRACE_STKN, read_stacks},      {WEIR__TRACE_SAMP, read_sample},
                 {WEIR__TRACE_FOOT, read_foot}};
    if (type == WEIR__TRACE_NAME || type == WEIR__TRACE_THRN) {
        read_name(c, type == WEIR__TRACE_NAME ? &info->names : &info->threads);
        return;
    }
    if (type == WEIR__TRACE_EVTS || type == WEIR__TRACE_EVTZ) {
        read_chunk(info, c, offset, type == WEIR__TRACE_EVTZ);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].type == type) {
            kinds[i].read(info, c);
            return;
        }
    info->unknown += type != WEIR__TRACE_ROOM;
}

/* -- the pass ---------------------------------------------------------------------------------- */

static int read_preamble(struct trace_info *info)
{
    unsigned char bytes[WEIR__TRACE_PREAMBLE];
    ssize_t n = trace_read_at(info->fd, bytes, sizeof bytes, 0);
    if (n < 0)
        return trace_info_fail(info, errno, "%s", strerror(errno));
    if (n < (ssize_t)sizeof bytes ||
        memcmp(bytes, WEIR__TRACE_MAGIC, sizeof WEIR__TRACE_MAGIC - 1) != 0)
        return trace_info_fail(info, EINVAL, "not a weir trace");
    unsigned major = bytes[8] | (unsigned)bytes[9] << 8;
    if (major != WEIR__TRACE_MAJOR)
        return trace_info_fail(info, EINVAL, "trace format %u: this weir reads %u", major,
                               WEIR__TRACE_MAJOR);
    info->minor = bytes[10] | (unsigned)bytes[11] << 8;
    return 0;
}

/* Another HEAD begins another process' recording, which is not to be taken for the rest of
 * this one. Its preamble is one place with it. */
static int read_foreign(struct trace_info *info, struct trace_records *records,
                        const struct trace_raw *raw)
{
    records->next = records->size;
    info->damage.places -= records->how != NULL;
    return trace_info_damage(info, records->how ? records->bad : raw->offset,
                             records->size - raw->offset, "another recording begins");
}

static int read_record(struct trace_info *info, struct trace_records *records,
                       const struct trace_raw *raw)
{
    struct trace_cursor c = {raw->payload, raw->payload + raw->length, false};
    bool first = info->records++ == 0, head = raw->type == WEIR__TRACE_HEAD;
    int error = 0;
    if (head && !first)
        return read_foreign(info, records, raw);
    if (first && !head && !info->damage.places)
        error = trace_info_damage(info, raw->offset, 0, "HEAD is not the first record");
    if (!error)
        read_payload(info, raw->type, &c, raw->offset + WEIR__TRACE_RECORD);
    if (!error && c.bad)
        error = trace_info_damage(info, raw->offset, WEIR__TRACE_RECORD + raw->length,
                                  "a payload that cannot be read");
    return error;
}

static int read_records(struct trace_info *info, struct trace_records *records)
{
    struct trace_raw raw;
    int error = 0, got = 1;
    while (!error && got > 0) {
        got = trace_records_next(records, &raw);
        if (got < 0)
            return trace_info_fail(info, errno, "%s", strerror(errno));
        if (records->how)
            error = trace_info_damage(info, records->bad, records->nbad, records->how);
        if (!error && got > 0)
            error = read_record(info, records, &raw);
    }
    info->bytes = records->size;
    info->cut = records->cut;
    return error;
}

/* A damaged HEAD leaves these unknown. */
static void head_texts(struct trace_info *info)
{
    char **texts[] = {&info->command, &info->version, &info->root};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!*texts[i])
            *texts[i] = memory_text("?", 1);
}

static int info_open(struct trace_info *info, const char *path, bool tolerant)
{
    *info = (struct trace_info){.fd = open(path, O_RDONLY | O_CLOEXEC), .tolerant = tolerant};
    if (info->fd < 0)
        return trace_info_fail(info, errno, "%s", strerror(errno));
    struct trace_records records;
    int error = read_preamble(info);
    if (error)
        return error;
    error = trace_records_begin(&records, info->fd, WEIR__TRACE_PREAMBLE);
    error =
        error ? trace_info_fail(info, error, "%s", strerror(error)) : read_records(info, &records);
    trace_records_end(&records);
    /* Tolerated: who wrote it was killed before the first record was whole. */
    if (!error && !info->records && !(tolerant && !info->damage.places))
        error = trace_info_fail(info, EINVAL, "damaged: no record in it is whole");
    head_texts(info);
    return error;
}

int trace_info_open(struct trace_info *info, const char *path)
{
    return info_open(info, path, false);
}

int trace_info_open_tolerant(struct trace_info *info, const char *path)
{
    return info_open(info, path, true);
}

static void names_free(struct trace_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->text[i]);
    free(names->text);
}

void trace_info_close(struct trace_info *info)
{
    if (info->fd >= 0)
        close(info->fd);
    names_free(&info->tags);
    names_free(&info->names);
    names_free(&info->threads);
    for (size_t i = 0; i < info->njit; i++)
        free(info->jit[i].name);
    free(info->jit);
    free(info->host);
    for (size_t i = 0; i < info->ncontexts; i++) {
        free(info->contexts[i].name);
        free(info->contexts[i].backing);
    }
    for (size_t i = 0; i < info->nmodules; i++) {
        free(info->modules[i].path);
        free(info->modules[i].build_id);
    }
    free(info->classes);
    free(info->contexts);
    free(info->modules);
    free(info->base);
    free(info->samples);
    free(info->stacks);
    free(info->chunks);
    free(info->command);
    free(info->version);
    free(info->root);
    info->fd = -1;
}

/* -- questions ---------------------------------------------------------------------- */

static const char *name_of(const struct trace_names *names, uint32_t number)
{
    return number < names->n && names->text[number] ? names->text[number] : "";
}

const char *trace_info_tag(const struct trace_info *info, uint32_t tag)
{
    return name_of(&info->tags, tag);
}

const char *trace_info_name(const struct trace_info *info, uint32_t name)
{
    return name_of(&info->names, name);
}

const char *trace_info_context(const struct trace_info *info, uint32_t context)
{
    return context < info->ncontexts && info->contexts[context].name ? info->contexts[context].name
                                                                     : "";
}

double trace_info_seconds(const struct trace_info *info, uint64_t ticks)
{
    uint64_t ticks1 = info->foot.ticks, ns1 = info->foot.ns;
    if (!info->foot.present && info->nsamples) {
        ticks1 = info->samples[info->nsamples - 1].ticks;
        ns1 = info->samples[info->nsamples - 1].ns;
    }
    if (!info->ns || ticks1 <= info->ticks || ns1 <= info->ns)
        return 0;
    double scale = (double)(ns1 - info->ns) / (double)(ticks1 - info->ticks);
    return (double)(int64_t)(ticks - info->ticks) * scale / 1e9;
}

uint64_t trace_info_last(const struct trace_info *info, uint64_t seen)
{
    if (info->foot.present)
        return info->foot.events;
    for (size_t i = 0; i < info->nsamples; i++)
        seen = info->samples[i].number > seen ? info->samples[i].number : seen;
    return seen;
}

bool trace_info_inherits(const struct trace_info *info)
{
    return info->started_known && info->start_count && !info->listed && !info->damage.places;
}
