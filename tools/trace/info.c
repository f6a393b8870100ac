/* tools/trace/info.c - see info.h. */
#include "tools/trace/info.h"

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

static int out_of_memory(struct trace_info *info)
{
    return trace_info_fail(info, ENOMEM, "out of memory");
}

/* The array with room for one more, or NULL: it stays as it was. */
static void *array_grow(void *array, size_t n, size_t size)
{
    if (n & (n - 1) || (n && n < 16)) /* capacities are 16, 32, 64, ... */
        return array;
    return realloc(array, (n ? 2 * n : 16) * size);
}

/* 0 or ENOMEM. */
static int array_add(struct trace_info *info, void **array, size_t *n, size_t size,
                     const void *element)
{
    void *grown = array_grow(*array, *n, size);
    if (!grown)
        return out_of_memory(info);
    *array = grown;
    memcpy((char *)grown + (*n)++ * size, element, size);
    return 0;
}

static char *text_copy(const unsigned char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

static char *cursor_text(struct trace_cursor *c)
{
    size_t length;
    const unsigned char *text = cursor_string(c, &length);
    return text_copy(text, length);
}

static char *cursor_hex(struct trace_cursor *c)
{
    size_t length;
    const unsigned char *bytes = cursor_string(c, &length);
    char *text = malloc(2 * length + 1);
    if (text)
        text[0] = '\0';
    for (size_t i = 0; text && i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

/* -- one function a type of record ----------------------------------------------------------- */

static int read_head(struct trace_info *info, struct trace_cursor *c)
{
    info->pid = cursor_varint(c);
    info->started = cursor_varint(c);
    info->ticks = cursor_varint(c);
    info->ns = cursor_varint(c);
    info->command = cursor_text(c);
    info->version = cursor_text(c);
    info->root = cursor_text(c);
    info->page = cursor_varint(c);
    return info->command && info->version && info->root ? 0 : out_of_memory(info);
}

static int read_start(struct trace_info *info, struct trace_cursor *c)
{
    uint64_t total = cursor_varint(c), count = cursor_varint(c), reserved = cursor_varint(c);
    if (c->bad)
        return 0;
    info->start_total = total;
    info->start_count = count;
    info->start_reserved = reserved;
    info->started_known = true;
    return 0;
}

int trace_info_add_base(struct trace_info *info, const struct trace_base *base)
{
    return array_add(info, (void **)&info->base, &info->nbase, sizeof *base, base);
}

static int read_base(struct trace_info *info, struct trace_cursor *c)
{
    uint64_t count = cursor_varint(c), address = 0;
    int error = 0;
    info->listed = true;
    for (uint64_t i = 0; i < count && !error; i++) {
        struct trace_base base = {.address = address += cursor_svarint(c)};
        base.requested = cursor_varint(c);
        base.usable = cursor_varint(c);
        base.context = (uint32_t)cursor_number(c);
        base.tag = (uint32_t)cursor_varint(c);
        if (c->bad)
            break;
        error = trace_info_add_base(info, &base);
    }
    return error;
}

static int read_name(struct trace_info *info, struct trace_cursor *c, struct trace_names *names)
{
    uint64_t number = cursor_number(c);
    static char *const none;
    if (c->bad)
        return 0;
    while (names->n <= number) {
        int error = array_add(info, (void **)&names->text, &names->n, sizeof none, &none);
        if (error)
            return error;
    }
    free(names->text[number]);
    names->text[number] = cursor_text(c);
    return names->text[number] ? 0 : out_of_memory(info);
}

static int read_context(struct trace_info *info, struct trace_cursor *c)
{
    static const struct trace_context none;
    uint64_t number = cursor_number(c);
    if (c->bad)
        return 0;
    while (info->ncontexts <= number) {
        int error = array_add(info, (void **)&info->contexts, &info->ncontexts, sizeof none, &none);
        if (error)
            return error;
    }
    struct trace_context *context = &info->contexts[number];
    free(context->name);
    free(context->backing);
    context->parent = (uint32_t)cursor_varint(c);
    context->flags = (uint32_t)cursor_varint(c);
    context->name = cursor_text(c);
    context->backing = cursor_text(c);
    return context->name && context->backing ? 0 : out_of_memory(info);
}

static int read_module(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_module module = {.address = cursor_varint(c)};
    module.size = cursor_varint(c);
    module.path = cursor_text(c);
    module.build_id = cursor_hex(c);
    if (module.path && module.build_id &&
        !array_add(info, (void **)&info->modules, &info->nmodules, sizeof module, &module))
        return 0;
    free(module.path);
    free(module.build_id);
    return out_of_memory(info);
}

static int read_sample(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_sample sample = {.number = cursor_varint(c)};
    sample.ticks = cursor_varint(c);
    sample.ns = cursor_varint(c);
    sample.resident = cursor_varint(c);
    sample.reserved = cursor_varint(c);
    if (c->bad)
        return 0;
    return array_add(info, (void **)&info->samples, &info->nsamples, sizeof sample, &sample);
}

static int read_foot(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_foot f = {.present = true};
    uint64_t *fields[] = {&f.events, &f.allocations, &f.frees,       &f.total,
                          &f.count,  &f.peak,        &f.peak_number, &f.dropped,
                          &f.error,  &f.ticks,       &f.ns,          &f.reserved};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i] = cursor_varint(c);
    f.under_way = c->at < c->end ? cursor_varint(c) : 0; /* since 1.1 */
    if (!c->bad)
        info->foot = f;
    return 0;
}

static int read_chunk(struct trace_info *info, struct trace_cursor *c, uint64_t offset)
{
    struct trace_chunk chunk = {.offset = offset, .length = (uint32_t)(c->end - c->at)};
    chunk.thread = (uint32_t)cursor_varint(c);
    cursor_varint(c);
    chunk.number = cursor_varint(c) + 1;
    chunk.ticks = cursor_varint(c);
    cursor_varint(c);
    if (c->bad)
        return 0;
    return array_add(info, (void **)&info->chunks, &info->nchunks, sizeof chunk, &chunk);
}

static int read_payload(struct trace_info *info, uint32_t type, struct trace_cursor *c,
                        uint64_t offset)
{
    switch (type) {
    case WEIR__TRACE_HEAD:
        return read_head(info, c);
    case WEIR__TRACE_STRT:
        return read_start(info, c);
    case WEIR__TRACE_BASE:
        return read_base(info, c);
    case WEIR__TRACE_TAGN:
        return read_name(info, c, &info->tags);
    case WEIR__TRACE_NAME:
        return read_name(info, c, &info->names);
    case WEIR__TRACE_CTXN:
        return read_context(info, c);
    case WEIR__TRACE_MODL:
        return read_module(info, c);
    case WEIR__TRACE_SAMP:
        return read_sample(info, c);
    case WEIR__TRACE_FOOT:
        return read_foot(info, c);
    case WEIR__TRACE_EVTS:
        return read_chunk(info, c, offset);
    default:
        info->unknown += type != WEIR__TRACE_ROOM;
        return 0;
    }
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
        error = read_payload(info, raw->type, &c, raw->offset + WEIR__TRACE_RECORD);
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
static int head_texts(struct trace_info *info)
{
    char **texts[] = {&info->command, &info->version, &info->root};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!*texts[i] && !(*texts[i] = strdup("?")))
            return out_of_memory(info);
    return 0;
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
    return error ? error : head_texts(info);
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
    for (size_t i = 0; i < info->ncontexts; i++) {
        free(info->contexts[i].name);
        free(info->contexts[i].backing);
    }
    for (size_t i = 0; i < info->nmodules; i++) {
        free(info->modules[i].path);
        free(info->modules[i].build_id);
    }
    free(info->contexts);
    free(info->modules);
    free(info->base);
    free(info->samples);
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
