/*
 * tools/report/pprof.c - one sample for each stack, tag, context and thread. Locations are
 * addresses of calls; what has no stack is in a location without an address, named by its holder.
 */
#include "tools/report/pprof.h"
#include "observe/pprof_fields.h"
#include "tools/common/memory.h"
#include "tools/report/protobuf.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct sample {
    uint32_t stack, holder, tag, context, thread;
    uint64_t values[4]; /* live bytes, live blocks, bytes in all, blocks in all */
};

struct maker {
    const struct report *r;
    struct protobuf profile;
    char **strings;
    struct report_keys hashes; /* of strings, by number */
    struct report_keys functions, locations;
};

/* -- strings ---------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t string_of(struct maker *m, const char *text)
{
    size_t before = m->hashes.n;
    uint32_t at = report_keys_add(&m->hashes, *text ? hash_of(text) : 0);
    if (m->hashes.n > before) {
        m->strings = memory_grow(m->strings, at, sizeof *m->strings);
        m->strings[at] = memory_text(text, strlen(text));
    }
    return at;
}

/* -- functions, locations, mappings
 * ---------------------------------------------------------------- */

/* Functions by number; holders behind them. */
static uint64_t function_of(struct maker *m, uint64_t key, const char *name, const char *full)
{
    size_t before = m->functions.n;
    uint64_t id = report_keys_add(&m->functions, key) + UINT64_C(1);
    struct protobuf function = {0};
    if (m->functions.n == before)
        return id;
    protobuf_count(&function, WEIR__PPROF_FUNCTION_ID, id);
    protobuf_count(&function, WEIR__PPROF_FUNCTION_NAME, string_of(m, name));
    protobuf_count(&function, WEIR__PPROF_FUNCTION_FULL_NAME, string_of(m, full));
    protobuf_nested(&m->profile, WEIR__PPROF_FUNCTION, &function);
    return id;
}

static uint64_t location_add(struct maker *m, uint64_t key, uint32_t module, uint64_t address,
                             uint64_t function)
{
    size_t before = m->locations.n;
    uint64_t id = report_keys_add(&m->locations, key) + UINT64_C(1);
    struct protobuf location = {0}, line = {0};
    if (m->locations.n == before)
        return id;
    protobuf_count(&location, WEIR__PPROF_LOCATION_ID, id);
    if (module)
        protobuf_count(&location, WEIR__PPROF_LOCATION_MAPPING, module);
    if (address)
        protobuf_count(&location, WEIR__PPROF_LOCATION_ADDRESS, address);
    protobuf_count(&line, WEIR__PPROF_LINE_FUNCTION, function);
    protobuf_nested(&location, WEIR__PPROF_LOCATION_LINE, &line);
    protobuf_nested(&m->profile, WEIR__PPROF_LOCATION, &location);
    return id;
}

static uint64_t location_of_node(struct maker *m, uint32_t node)
{
    const struct report_frames *f = &m->r->frames;
    const struct report_function *function = &f->functions[f->of[node]];
    uint64_t address = m->r->data.info->stacks[node].address;
    uint64_t id = function_of(m, f->of[node], function->name,
                              function->full ? function->full : function->name);
    return location_add(m, address + ((uint64_t)function->module << 48), function->module, address,
                        id);
}

static uint64_t location_of_holder(struct maker *m, uint32_t holder)
{
    uint64_t key = UINT64_C(1) << 63 | holder;
    const char *name = m->r->groupings[0].holders[holder].name;
    return location_add(m, key, 0, 0, function_of(m, key, name, name));
}

static void mappings_add(struct maker *m)
{
    const struct trace_info *info = m->r->data.info;
    for (size_t i = 0; info && i < info->nmodules; i++) {
        const struct trace_module *module = &info->modules[i];
        struct protobuf mapping = {0};
        protobuf_count(&mapping, WEIR__PPROF_MAPPING_ID, i + 1);
        protobuf_count(&mapping, WEIR__PPROF_MAPPING_START, module->part);
        protobuf_count(&mapping, WEIR__PPROF_MAPPING_END, module->part + module->part_size);
        protobuf_count(&mapping, WEIR__PPROF_MAPPING_PATH, string_of(m, module->path));
        protobuf_count(&mapping, WEIR__PPROF_MAPPING_BUILD_ID, string_of(m, module->build_id));
        protobuf_count(&mapping, WEIR__PPROF_MAPPING_HAS_FUNCTIONS, 1);
        protobuf_nested(&m->profile, WEIR__PPROF_MAPPING, &mapping);
    }
}

/* -- samples
 * ----------------------------------------------------------------------------------------- */

static void label_add(struct maker *m, struct protobuf *sample, const char *key, const char *text,
                      uint64_t number)
{
    struct protobuf label = {0};
    protobuf_count(&label, WEIR__PPROF_LABEL_KEY, string_of(m, key));
    if (text)
        protobuf_count(&label, WEIR__PPROF_LABEL_TEXT, string_of(m, text));
    else
        protobuf_count(&label, WEIR__PPROF_LABEL_NUMBER, number);
    protobuf_nested(sample, WEIR__PPROF_SAMPLE_LABEL, &label);
}

static void labels_add(struct maker *m, struct protobuf *sample, const struct sample *s)
{
    static const char *const classes[] = {NULL,      "weight",  "kv",   "activation",
                                          "scratch", "staging", "other"};
    const struct trace_info *info = m->r->data.info;
    unsigned class = info && s->tag < info->nclasses ? info->classes[s->tag] : 0;
    if (s->tag && info)
        label_add(m, sample, "tag", trace_info_tag(info, s->tag), 0);
    if (s->context && info && *trace_info_context(info, s->context))
        label_add(m, sample, "context", trace_info_context(info, s->context), 0);
    if (class)
        label_add(m, sample, "class", classes[class < 6 ? class : 6], 0);
    if (s->thread)
        label_add(m, sample, "thread", NULL, s->thread);
}

static void sample_add(struct maker *m, const struct sample *s)
{
    struct protobuf sample = {0}, list = {0};
    const struct trace_info *info = m->r->data.info;
    if (s->stack)
        for (uint32_t node = s->stack; node; node = info->stacks[node].parent)
            protobuf_element(&list, location_of_node(m, node));
    else
        protobuf_element(&list, location_of_holder(m, s->holder));
    protobuf_nested(&sample, WEIR__PPROF_SAMPLE_LOCATIONS, &list);
    for (size_t i = 0; i < 4; i++)
        protobuf_element(&list, s->values[i]);
    protobuf_nested(&sample, WEIR__PPROF_SAMPLE_VALUES, &list);
    labels_add(m, &sample, s);
    protobuf_nested(&m->profile, WEIR__PPROF_SAMPLE, &sample);
}

static struct sample sample_key(const struct report *r, size_t segment)
{
    const struct report_segment *s = &r->data.segments[segment];
    bool stack = r->has_sites && s->stack < r->data.info->nstacks && s->stack;
    return (struct sample){.stack = stack ? s->stack : 0,
                           .holder = stack ? 0 : r->groupings[0].of[segment],
                           .tag = s->tag,
                           .context = s->context,
                           .thread = s->thread};
}

static int by_key(const void *left, const void *right)
{
    return memcmp(left, right, offsetof(struct sample, values));
}

/* Of every segment, sorted, and joined where all but the values is the same. */
static size_t samples_make(const struct report *r, uint32_t change, struct sample *samples)
{
    const struct report_data *d = &r->data;
    size_t kept = 0;
    for (size_t i = 0; i < d->nsegments; i++) {
        const struct report_segment *s = &d->segments[i];
        samples[i] = sample_key(r, i);
        if (report_lives(s, change)) {
            samples[i].values[0] = s->bytes;
            samples[i].values[1] = s->blocks;
        }
        if (!s->resized && s->thread) {
            samples[i].values[2] = s->bytes;
            samples[i].values[3] = 1;
        }
    }
    qsort(samples, d->nsegments, sizeof *samples, by_key);
    for (size_t i = 0; i < d->nsegments; i++) {
        if (kept && by_key(&samples[kept - 1], &samples[i]) == 0)
            for (size_t v = 0; v < 4; v++)
                samples[kept - 1].values[v] += samples[i].values[v];
        else
            samples[kept++] = samples[i];
    }
    return kept;
}

/* -- all of it
 * ----------------------------------------------------------------------------------------- */

static void types_add(struct maker *m)
{
    static const char *const types[][2] = {{"inuse_space", "bytes"},
                                           {"inuse_objects", "count"},
                                           {"alloc_space", "bytes"},
                                           {"alloc_objects", "count"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct protobuf type = {0};
        protobuf_count(&type, WEIR__PPROF_TYPE_NAME, string_of(m, types[i][0]));
        protobuf_count(&type, WEIR__PPROF_TYPE_UNIT, string_of(m, types[i][1]));
        protobuf_nested(&m->profile, WEIR__PPROF_SAMPLE_TYPE, &type);
    }
}

static void bytes_write(FILE *to, const struct protobuf *p)
{
    z_stream z = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) {
        uLong most = deflateBound(&z, (uLong)p->n);
        unsigned char *packed = memory_array(NULL, most, 1);
        z.next_in = p->bytes;
        z.avail_in = (uInt)p->n;
        z.next_out = packed;
        z.avail_out = (uInt)most;
        bool done = p->n < UINT32_MAX && deflate(&z, Z_FINISH) == Z_STREAM_END;
        if (done)
            fwrite(packed, 1, z.total_out, to);
        deflateEnd(&z);
        free(packed);
        if (done)
            return;
    }
    fwrite(p->bytes, 1, p->n, to);
}

void pprof_write(FILE *to, const struct report *r, uint32_t change)
{
    struct maker m = {.r = r};
    struct sample *samples = memory_zeroed(r->data.nsegments, sizeof *samples);
    size_t n = samples_make(r, change, samples);
    string_of(&m, "");
    types_add(&m);
    mappings_add(&m);
    for (size_t i = 0; i < n; i++)
        sample_add(&m, &samples[i]);
    uint64_t type = string_of(&m, "inuse_space");
    for (size_t i = 0; i < m.hashes.n; i++)
        protobuf_text(&m.profile, WEIR__PPROF_STRING, m.strings[i]);
    if (r->data.info)
        protobuf_count(&m.profile, WEIR__PPROF_TIME, r->data.info->started);
    protobuf_count(&m.profile, WEIR__PPROF_DURATION, (uint64_t)(report_duration(&r->data) * 1e9));
    protobuf_count(&m.profile, WEIR__PPROF_DEFAULT_TYPE, type);
    bytes_write(to, &m.profile);
    for (size_t i = 0; i < m.hashes.n; i++)
        free(m.strings[i]);
    free(m.strings);
    free(samples);
    report_keys_free(&m.hashes);
    report_keys_free(&m.functions);
    report_keys_free(&m.locations);
    protobuf_free(&m.profile);
}
