/* tools/trace_info.c - see trace_info.h. */
#include "tools/trace_info.h"

#include "observe/crc32.h"
#include "observe/format.h"
#include "tools/trace_cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBERS_MOST (1u << 20) /* names and contexts that a file may define */

int trace_info_fail(struct trace_info *info, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(info->why, sizeof info->why, format, arguments);
    va_end(arguments);
    return code;
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
    if (info->command)
        return trace_info_fail(info, EINVAL, "damaged: a second HEAD");
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
    info->start_total = cursor_varint(c);
    info->start_count = cursor_varint(c);
    info->start_reserved = cursor_varint(c);
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
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        struct trace_base base = {.address = address += cursor_svarint(c)};
        base.requested = cursor_varint(c);
        base.usable = cursor_varint(c);
        base.context = (uint32_t)cursor_varint(c);
        base.tag = (uint32_t)cursor_varint(c);
        int error = trace_info_add_base(info, &base);
        if (error)
            return error;
    }
    return 0;
}

static int read_name(struct trace_info *info, struct trace_cursor *c, struct trace_names *names)
{
    uint64_t number = cursor_varint(c);
    if (number >= NUMBERS_MOST)
        return trace_info_fail(info, EINVAL, "damaged: name %llu", (unsigned long long)number);
    static char *const none;
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
    uint64_t number = cursor_varint(c);
    if (number >= NUMBERS_MOST)
        return trace_info_fail(info, EINVAL, "damaged: context %llu", (unsigned long long)number);
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
    return array_add(info, (void **)&info->samples, &info->nsamples, sizeof sample, &sample);
}

static int read_foot(struct trace_info *info, struct trace_cursor *c)
{
    struct trace_foot *f = &info->foot;
    uint64_t *fields[] = {&f->events, &f->allocations, &f->frees,       &f->total,
                          &f->count,  &f->peak,        &f->peak_number, &f->dropped,
                          &f->error,  &f->ticks,       &f->ns,          &f->reserved};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i] = cursor_varint(c);
    f->present = true;
    return 0;
}

static int read_chunk(struct trace_info *info, struct trace_cursor *c, uint64_t offset)
{
    struct trace_chunk chunk = {.offset = offset, .length = (uint32_t)(c->end - c->at)};
    chunk.thread = (uint32_t)cursor_varint(c);
    cursor_varint(c);
    chunk.number = cursor_varint(c) + 1;
    return array_add(info, (void **)&info->chunks, &info->nchunks, sizeof chunk, &chunk);
}

static int read_record(struct trace_info *info, uint32_t type, struct trace_cursor *c,
                       uint64_t offset)
{
    if (!info->command && type != WEIR__TRACE_HEAD)
        return trace_info_fail(info, EINVAL, "damaged: HEAD is not the first record");
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

static uint32_t word_at(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The whole of it, or what there is up to the end of the file. */
static ssize_t read_at(int fd, void *to, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static int read_preamble(struct trace_info *info)
{
    unsigned char bytes[WEIR__TRACE_PREAMBLE];
    ssize_t n = read_at(info->fd, bytes, sizeof bytes, 0);
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

/* A record's payload, in memory that grows with the largest. */
struct payload {
    unsigned char *bytes;
    size_t size;
};

/* How much of it is in the file; -1: error, why says so. */
static ssize_t payload_read(struct trace_info *info, struct payload *payload, uint32_t length,
                            uint64_t offset)
{
    if (length > payload->size || !payload->bytes) {
        size_t size = length > 65536 ? length : 65536;
        unsigned char *grown = realloc(payload->bytes, size);
        if (!grown) {
            out_of_memory(info);
            errno = ENOMEM;
            return -1;
        }
        payload->bytes = grown;
        payload->size = size;
    }
    ssize_t n = read_at(info->fd, payload->bytes, length, offset);
    if (n < 0)
        trace_info_fail(info, errno, "%s", strerror(errno));
    return n;
}

static int damaged(struct trace_info *info, uint64_t offset, const char *how)
{
    return trace_info_fail(info, EINVAL, "damaged at byte %llu: %s", (unsigned long long)offset,
                           how);
}

/* The record at *offset, which moves on; -1: there is no whole one left. */
static int next_record(struct trace_info *info, struct payload *payload, uint64_t *offset)
{
    unsigned char front[WEIR__TRACE_RECORD];
    ssize_t n = read_at(info->fd, front, sizeof front, *offset);
    if (n < 0)
        return trace_info_fail(info, errno, "%s", strerror(errno));
    bool whole = n == (ssize_t)sizeof front;
    uint32_t length = whole ? word_at(front + 4) : 0;
    if (length > WEIR__TRACE_LENGTH_MAX)
        return damaged(info, *offset, "a record of impossible length");
    ssize_t body = payload_read(info, payload, length, *offset + sizeof front);
    if (body < 0)
        return errno;
    if (!whole || body < (ssize_t)length) {
        info->cut = (uint64_t)(n + body);
        return -1;
    }
    uint32_t crc = weir__crc32(weir__crc32(0, front, 8), payload->bytes, length);
    if (crc != word_at(front + 8))
        return damaged(info, *offset, "wrong CRC");
    struct trace_cursor c = {payload->bytes, payload->bytes + length, false};
    int error = read_record(info, word_at(front), &c, *offset + sizeof front);
    if (!error && c.bad)
        error = damaged(info, *offset, "a payload ends early");
    *offset += sizeof front + length;
    return error;
}

int trace_info_open(struct trace_info *info, const char *path)
{
    *info = (struct trace_info){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (info->fd < 0)
        return trace_info_fail(info, errno, "%s", strerror(errno));
    int error = read_preamble(info);
    struct payload payload = {0};
    uint64_t offset = WEIR__TRACE_PREAMBLE;
    while (!error)
        error = next_record(info, &payload, &offset);
    free(payload.bytes);
    info->bytes = offset + info->cut;
    if (error > 0)
        return error;
    if (!info->command)
        return trace_info_fail(info, EINVAL, "damaged: no HEAD");
    return 0;
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

/* -- questions -----------------------------------------------------------------------------------
 */

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
    if (ticks1 <= info->ticks || ns1 <= info->ns)
        return 0;
    double scale = (double)(ns1 - info->ns) / (double)(ticks1 - info->ticks);
    return (double)(int64_t)(ticks - info->ticks) * scale / 1e9;
}
