/* observe/pprof.c - see pprof.h. */
#include "observe/pprof.h"

#include "backing/meta.h"
#include "base/pointer_map.h"
#include "observe/bytes.h"
#include "observe/frame.h"
#include "observe/modules.h"
#include "observe/pprof_fields.h"
#include "observe/stacks.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A message: a list of numbers, some labels and a few fields fit. */
#define MESSAGE_MOST  ((WEIR__STACKS_DEPTH + 32) * 2 * WEIR__VARINT_MOST)
#define MAPPINGS_MOST 1024u
#define NAME_MOST     4096

struct message {
    unsigned char bytes[MESSAGE_MOST];
    size_t n;
};

struct location {
    const void *address; /* the key */
    uint64_t id;
};

struct mapping {
    uintptr_t start, end;
};

struct writer {
    FILE *file;
    uint64_t strings, locations, functions;
    struct weir__pointer_map known; /* of struct location */
    struct mapping mappings[MAPPINGS_MOST];
    uint32_t nmappings;
    bool failed; /* no memory */
};

/* -- messages --------------------------------------------------------------------------------- */

static void put(struct message *m, uint64_t value)
{
    m->n = (size_t)(weir__put_varint(m->bytes + m->n, value) - m->bytes);
}

static void put_field(struct message *m, unsigned field, uint64_t value)
{
    put(m, (uint64_t)field << 3);
    put(m, value);
}

static void put_bytes(struct message *m, unsigned field, const struct message *other)
{
    put(m, (uint64_t)field << 3 | 2);
    put(m, other->n);
    memcpy(m->bytes + m->n, other->bytes, other->n);
    m->n += other->n;
}

static void write_bytes(struct writer *w, unsigned field, const void *bytes, size_t n)
{
    unsigned char head[2 * WEIR__VARINT_MOST], *at = head;
    at = weir__put_varint(at, (uint64_t)field << 3 | 2);
    at = weir__put_varint(at, n);
    fwrite(head, 1, (size_t)(at - head), w->file);
    fwrite(bytes, 1, n, w->file);
}

static void write_message(struct writer *w, unsigned field, const struct message *m)
{
    write_bytes(w, field, m->bytes, m->n);
}

static void write_field(struct writer *w, unsigned field, uint64_t value)
{
    struct message m = {.n = 0};
    put_field(&m, field, value);
    fwrite(m.bytes, 1, m.n, w->file);
}

static uint64_t string_add(struct writer *w, const char *text)
{
    write_bytes(w, WEIR__PPROF_STRING, text, strlen(text));
    return w->strings++;
}

static struct message type_of(struct writer *w, const char *what, const char *unit)
{
    struct message m = {.n = 0};
    put_field(&m, WEIR__PPROF_TYPE_NAME, string_add(w, what));
    put_field(&m, WEIR__PPROF_TYPE_UNIT, string_add(w, unit));
    return m;
}

/* -- mappings --------------------------------------------------------------------------------- */

static uint64_t build_id_add(struct writer *w, const struct weir__module *module)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *id;
    char text[2 * WEIR__BUILD_ID_MOST + 1];
    size_t n = weir__module_build_id(module, &id);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[id[i] >> 4];
        text[2 * i + 1] = digits[id[i] & 15];
    }
    text[2 * n] = '\0';
    return string_add(w, text);
}

static uint64_t path_add(struct writer *w, const char *path)
{
    char self[NAME_MOST];
    ssize_t n = *path ? -1 : readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return string_add(w, path);
    self[n] = '\0';
    return string_add(w, self);
}

static int mapping_add(struct dl_phdr_info *info, size_t size, void *user)
{
    struct writer *w = user;
    struct weir__module module = {
        .start = UINTPTR_MAX, .bias = info->dlpi_addr, .path = info->dlpi_name};
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        module.start = weir__min(module.start, start & ~(uintptr_t)4095);
        module.end = weir__max(module.end, start + part->p_memsz);
    }
    if (module.start >= module.end || w->nmappings == MAPPINGS_MOST)
        return 0;
    w->mappings[w->nmappings++] = (struct mapping){module.start, module.end};
    struct message m = {.n = 0};
    put_field(&m, WEIR__PPROF_MAPPING_ID, w->nmappings);
    put_field(&m, WEIR__PPROF_MAPPING_START, module.start);
    put_field(&m, WEIR__PPROF_MAPPING_END, module.end);
    put_field(&m, WEIR__PPROF_MAPPING_PATH, path_add(w, info->dlpi_name));
    put_field(&m, WEIR__PPROF_MAPPING_BUILD_ID, build_id_add(w, &module));
    write_message(w, WEIR__PPROF_MAPPING, &m);
    return 0;
}

/* 0: none. */
static uint32_t mapping_of(const struct writer *w, uintptr_t address)
{
    for (uint32_t i = 0; i < w->nmappings; i++)
        if (address >= w->mappings[i].start && address < w->mappings[i].end)
            return i + 1;
    return 0;
}

/* -- locations -------------------------------------------------------------------------------- */

static uint64_t function_add(struct writer *w, const char *name)
{
    struct message m = {.n = 0};
    uint64_t text = string_add(w, name);
    put_field(&m, WEIR__PPROF_FUNCTION_ID, ++w->functions);
    put_field(&m, WEIR__PPROF_FUNCTION_NAME, text);
    put_field(&m, WEIR__PPROF_FUNCTION_FULL_NAME, text);
    write_message(w, WEIR__PPROF_FUNCTION, &m);
    return w->functions;
}

/* `address` is the call's; 0: what has no stack, whose function is `name`. */
static void location_write(struct writer *w, uint64_t id, uintptr_t address, const char *name)
{
    struct message m = {.n = 0}, line = {.n = 0};
    uint32_t mapping = address ? mapping_of(w, address) : 0;
    put_field(&m, WEIR__PPROF_LOCATION_ID, id);
    if (mapping)
        put_field(&m, WEIR__PPROF_LOCATION_MAPPING, mapping);
    if (address)
        put_field(&m, WEIR__PPROF_LOCATION_ADDRESS, address);
    if (name) {
        put_field(&line, WEIR__PPROF_LINE_FUNCTION, function_add(w, name));
        put_bytes(&m, WEIR__PPROF_LOCATION_LINE, &line);
    }
    write_message(w, WEIR__PPROF_LOCATION, &m);
}

static uint64_t location_of(struct writer *w, const void *address)
{
    if (!weir__pointer_map_reserve(&w->known, sizeof(struct location), &weir__meta_map, NULL)) {
        w->failed = true;
        return 0;
    }
    struct location *known = weir__pointer_map_put(&w->known, address);
    if (!known->id) {
        known->id = ++w->locations;
        location_write(w, known->id, (uintptr_t)address - 1, weir__frame_function(address));
    }
    return known->id;
}

/* -- samples ---------------------------------------------------------------------------------- */

static void label_put(struct writer *w, struct message *sample, const char *key, const char *text)
{
    struct message m = {.n = 0};
    put_field(&m, WEIR__PPROF_LABEL_KEY, string_add(w, key));
    put_field(&m, WEIR__PPROF_LABEL_TEXT, string_add(w, text));
    put_bytes(sample, WEIR__PPROF_SAMPLE_LABEL, &m);
}

static void locations_put(struct writer *w, struct message *sample, const struct weir__calls *calls)
{
    struct message list = {.n = 0};
    for (uint32_t i = 0; i < calls->depth; i++)
        put(&list, location_of(w, calls->address[i]));
    if (!calls->depth) {
        put(&list, ++w->locations);
        location_write(w, w->locations, 0, "(no stack)");
    }
    put_bytes(sample, WEIR__PPROF_SAMPLE_LOCATIONS, &list);
}

static void site_write(struct writer *w, const struct weir__site *site)
{
    struct message m = {.n = 0}, values = {.n = 0};
    locations_put(w, &m, site->calls);
    put(&values, (uint64_t)(site->estimate.blocks + 0.5));
    put(&values, (uint64_t)(site->estimate.bytes + 0.5));
    put_bytes(&m, WEIR__PPROF_SAMPLE_VALUES, &values);
    label_put(w, &m, "allocator", weir_allocator_name(site->allocator));
    if (site->tag)
        label_put(w, &m, "tag", weir_tag_name(site->tag));
    write_message(w, WEIR__PPROF_SAMPLE, &m);
}

/* -- all of it -------------------------------------------------------------------------------- */

static void profile_write(struct writer *w, const struct weir__sites *sites, uint64_t mean)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    string_add(w, "");
    struct message objects = type_of(w, "inuse_objects", "count");
    write_message(w, WEIR__PPROF_SAMPLE_TYPE, &objects);
    struct message space = type_of(w, "inuse_space", "bytes");
    write_message(w, WEIR__PPROF_SAMPLE_TYPE, &space);
    struct message period = type_of(w, "space", "bytes");
    write_message(w, WEIR__PPROF_PERIOD_TYPE, &period);
    write_field(w, WEIR__PPROF_PERIOD, mean);
    write_field(w, WEIR__PPROF_TIME, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
    write_field(w, WEIR__PPROF_DEFAULT_TYPE, string_add(w, "inuse_space"));
    dl_iterate_phdr(mapping_add, w);
    for (size_t i = 0; i < sites->n; i++)
        site_write(w, &sites->sites[i]);
}

int weir__pprof_write(const char *path, const struct weir__sites *sites, uint64_t mean)
{
    struct writer *w = weir__meta_allocate(sizeof *w);
    if (!w)
        return ENOMEM;
    errno = 0;
    w->file = fopen(path, "we");
    int error = w->file ? 0 : errno;
    if (w->file) {
        profile_write(w, sites, mean);
        bool bad = fflush(w->file) || ferror(w->file);
        error = bad ? (errno ? errno : EIO) : 0;
        bad = fclose(w->file);
        error = error ? error : bad ? errno : w->failed ? ENOMEM : 0;
    }
    weir__pointer_map_clear(&w->known);
    weir__meta_free(w, sizeof *w);
    return error;
}
