/*
 * A profile as pprof reads it: profile.proto's message is taken apart by the rules of protobuf, and
 * what it says is compared with what was allocated, with the loader's functions and with
 * /proc/self/maps.
 */
#include "../helpers/context.h"
#include "../helpers/scratch.h"
#include "../helpers/suite.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

/* -- protobuf -----------------------------------------------------------------------------------
 */

struct part {
    const unsigned char *at, *end;
};

struct field {
    unsigned number;
    uint64_t value;      /* of a number */
    struct part message; /* of bytes; at is NULL for a number */
};

static uint64_t varint(struct part *p)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        cr_assert(p->at < p->end && shift < 64);
        value |= (uint64_t)(*p->at & 127) << shift;
        if (*p->at++ < 128)
            return value;
    }
}

static bool field_next(struct part *p, struct field *f)
{
    if (p->at == p->end)
        return false;
    uint64_t key = varint(p);
    *f = (struct field){.number = (unsigned)(key >> 3)};
    cr_assert((key & 7) == 0 || (key & 7) == 2, "wire type %u", (unsigned)(key & 7));
    f->value = varint(p);
    if ((key & 7) == 2) {
        cr_assert_leq(f->value, (uint64_t)(p->end - p->at));
        f->message = (struct part){p->at, p->at + f->value};
        p->at += f->value;
    }
    return true;
}

/* -- the profile --------------------------------------------------------------------------------
 */

enum { MOST = 4096 };

struct value_type {
    uint64_t type, unit;
};
struct mapping {
    uint64_t id, start, end, file, build_id;
};
struct location {
    uint64_t id, mapping, address, function;
};
struct function {
    uint64_t id, name;
};
struct sample {
    uint64_t location[64], value[4], label[4][2];
    size_t nlocations, nvalues, nlabels;
};

static struct profile {
    char *strings[MOST];
    struct value_type types[4], period_type;
    struct mapping mappings[MOST];
    struct location locations[MOST];
    struct function functions[MOST];
    struct sample samples[64];
    size_t nstrings, ntypes, nmappings, nlocations, nfunctions, nsamples;
    uint64_t time, period, default_type;
} profile;

static struct value_type type_read(struct part p)
{
    struct value_type type = {0};
    for (struct field f; field_next(&p, &f);)
        *(f.number == 1 ? &type.type : &type.unit) = f.value;
    return type;
}

static struct mapping mapping_read(struct part p)
{
    struct mapping m = {0};
    for (struct field f; field_next(&p, &f);) {
        uint64_t *to[] = {NULL, &m.id, &m.start, &m.end, NULL, &m.file, &m.build_id};
        cr_assert(f.number < 7 && to[f.number]);
        *to[f.number] = f.value;
    }
    return m;
}

static struct location location_read(struct part p)
{
    struct location l = {0};
    for (struct field f; field_next(&p, &f);) {
        if (f.number == 1)
            l.id = f.value;
        else if (f.number == 2)
            l.mapping = f.value;
        else if (f.number == 3)
            l.address = f.value;
        else
            for (struct field line; field_next(&f.message, &line);)
                if (line.number == 1)
                    l.function = line.value;
    }
    return l;
}

static struct function function_read(struct part p)
{
    struct function found = {0};
    for (struct field f; field_next(&p, &f);)
        if (f.number == 1)
            found.id = f.value;
        else if (f.number == 2)
            found.name = f.value;
    return found;
}

static struct sample sample_read(struct part p)
{
    struct sample s = {.nlocations = 0};
    for (struct field f; field_next(&p, &f);) {
        cr_assert(f.number >= 1 && f.number <= 3 && f.message.at);
        if (f.number == 1)
            while (f.message.at < f.message.end)
                s.location[s.nlocations++] = varint(&f.message);
        else if (f.number == 2)
            while (f.message.at < f.message.end)
                s.value[s.nvalues++] = varint(&f.message);
        else {
            for (struct field part; field_next(&f.message, &part);)
                s.label[s.nlabels][part.number - 1] = part.value;
            s.nlabels++;
        }
    }
    return s;
}

static void profile_field(struct field *f)
{
    struct profile *p = &profile;
    cr_assert(p->nstrings < MOST && p->nlocations < MOST && p->nmappings < MOST);
    switch (f->number) {
    case 1:
        p->types[p->ntypes++] = type_read(f->message);
        break;
    case 2:
        p->samples[p->nsamples++] = sample_read(f->message);
        break;
    case 3:
        p->mappings[p->nmappings++] = mapping_read(f->message);
        break;
    case 4:
        p->locations[p->nlocations++] = location_read(f->message);
        break;
    case 5:
        p->functions[p->nfunctions++] = function_read(f->message);
        break;
    case 6:
        p->strings[p->nstrings++] =
            strndup((const char *)f->message.at, (size_t)(f->message.end - f->message.at));
        break;
    case 9:
        p->time = f->value;
        break;
    case 11:
        p->period_type = type_read(f->message);
        break;
    case 12:
        p->period = f->value;
        break;
    case 14:
        p->default_type = f->value;
        break;
    default:
        cr_assert(false, "field %u", f->number);
    }
}

static void profile_read(void)
{
    static unsigned char bytes[1 << 20];
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "unit-pprof.pb");
    cr_assert_eq(weir_profile_write(path), 0, "%s", weir_last_error());
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    unlink(path);
    struct part whole = {bytes, bytes + n};
    profile = (struct profile){.nstrings = 0};
    for (struct field f; field_next(&whole, &f);)
        profile_field(&f);
}

static const char *string(uint64_t i)
{
    cr_assert_lt(i, profile.nstrings);
    return profile.strings[i];
}

static const struct location *location_of(uint64_t id)
{
    for (size_t i = 0; i < profile.nlocations; i++)
        if (profile.locations[i].id == id)
            return &profile.locations[i];
    cr_assert(false, "no location %" PRIu64, id);
    return NULL;
}

static const char *function_of(const struct location *l)
{
    for (size_t i = 0; i < profile.nfunctions; i++)
        if (l->function && profile.functions[i].id == l->function)
            return string(profile.functions[i].name);
    cr_assert_eq(l->function, 0);
    return "";
}

/* -- what is in it ------------------------------------------------------------------------------
 */

static void *blocks[3];
static weir_allocator *context;

static void allocate_three(void)
{
#ifdef WEIR_NO_ACCOUNTING
    cr_skip("no accounting, and so no samples");
#endif
    context = weir_allocator_create(&(weir_allocator_options){.name = "sessions"});
    cr_assert_eq(weir_profile_sample(1), 0);
    weir_tag former = weir_tag_set(weir_tag_intern("keys"));
    blocks[0] = weir_allocate(context, 3000);
    weir_tag_set(former);
    for (volatile int i = 1; i < 3; i++)
        blocks[i] = weir_allocate(context, 200); /* one place, which is not unrolled to two */
    profile_read();
}

static void release_three(void)
{
    for (int i = 0; i < 3; i++)
        weir_deallocate(context, blocks[i]);
    cr_assert_eq(weir_profile_sample(0), 0);
    cr_assert_eq(weir_allocator_destroy(context), 0);
}

TestSuite(pprof, .init = allocate_three, .fini = release_three);

Test(pprof, says_what_its_numbers_are)
{
    struct timespec now;
    cr_expect_str_eq(string(0), "");
    cr_assert_eq(profile.ntypes, 2);
    cr_expect_str_eq(string(profile.types[0].type), "inuse_objects");
    cr_expect_str_eq(string(profile.types[0].unit), "count");
    cr_expect_str_eq(string(profile.types[1].type), "inuse_space");
    cr_expect_str_eq(string(profile.types[1].unit), "bytes");
    cr_expect_str_eq(string(profile.period_type.type), "space");
    cr_expect_str_eq(string(profile.period_type.unit), "bytes");
    cr_expect_str_eq(string(profile.default_type), "inuse_space");
    cr_expect_eq(profile.period, 1);
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    cr_expect(profile.time <= ns && profile.time + 100000000000 > ns, "within 100 s");
}

Test(pprof, has_a_sample_for_each_place_and_tag)
{
    cr_assert_eq(profile.nsamples, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct sample *s = &profile.samples[i];
        cr_expect_eq(s->nvalues, 2);
        cr_expect_eq(s->value[0], i ? 2 : 1);
        cr_expect_eq(s->value[1], i ? 400 : 3000);
        cr_assert_eq(s->nlabels, i ? 1 : 2, "without a tag, no label");
        cr_expect_str_eq(string(s->label[0][0]), "allocator");
        cr_expect_str_eq(string(s->label[0][1]), "sessions");
        if (i == 0) {
            cr_expect_str_eq(string(s->label[1][0]), "tag");
            cr_expect_str_eq(string(s->label[1][1]), "keys");
        }
    }
}

Test(pprof, has_each_location_once_and_in_its_mapping)
{
    size_t named = 0, within = 0;
    for (size_t i = 0; i < profile.nlocations; i++) {
        const struct location *l = &profile.locations[i];
        for (size_t other = 0; other < i; other++) {
            cr_expect_neq(profile.locations[other].id, l->id);
            cr_expect_neq(profile.locations[other].address, l->address);
        }
        cr_expect_neq(l->id, 0);
        const struct mapping *m = NULL;
        for (size_t j = 0; j < profile.nmappings; j++)
            if (l->address >= profile.mappings[j].start && l->address < profile.mappings[j].end)
                m = &profile.mappings[j];
        cr_expect_eq(l->mapping, m ? m->id : 0);
        within += m != NULL;
        Dl_info info;
        bool known = dladdr((void *)(uintptr_t)l->address, &info) && info.dli_sname;
        cr_expect_str_eq(function_of(l), known ? info.dli_sname : "");
        named += known;
    }
    for (size_t i = 0; i < profile.nsamples; i++) {
        for (size_t j = 0; j < profile.samples[i].nlocations; j++)
            cr_expect_not_null(location_of(profile.samples[i].location[j]));
        cr_expect_gt(profile.samples[i].nlocations, 0);
    }
#if defined(__x86_64__) || defined(__aarch64__)
    cr_expect_gt(within, 1);
    cr_expect_gt(named, 0, "the C library's");
#endif
    for (size_t i = 0; i < profile.nfunctions; i++)
        cr_expect_eq(profile.functions[i].id, i + 1);
}

/* Code of a file that /proc/self/maps has is in the mapping of that name. */
Test(pprof, has_the_mappings_that_the_kernel_has)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4400], path[4200], rights[8];
    size_t compared = 0;
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps)) {
        uint64_t start, end;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %4199[^\n]", &start, &end, rights,
                   path) != 4 ||
            path[0] != '/' || rights[2] != 'x')
            continue;
        size_t found = 0;
        for (size_t i = 0; i < profile.nmappings; i++) {
            const struct mapping *m = &profile.mappings[i];
            char *real = realpath(string(m->file), NULL);
            if (real && strcmp(real, path) == 0) {
                cr_expect(m->start <= start && m->end > start && m->start % 4096 == 0, "%s", path);
                cr_expect_leq(m->end, end + (64u << 20), "%s", path);
                found++;
            }
            free(real);
        }
        cr_expect_eq(found, 1, "%s", path);
        compared++;
    }
    fclose(maps);
    cr_expect_geq(compared, 2);
    for (size_t i = 0; i < profile.nmappings; i++) {
        const char *id = string(profile.mappings[i].build_id);
        cr_expect_eq(profile.mappings[i].id, i + 1);
        cr_expect_eq(strspn(id, "0123456789abcdef"), strlen(id));
        cr_expect_eq(strlen(id) % 2, 0);
    }
}

/* As readelf has it. */
Test(pprof, has_build_ids)
{
    size_t compared = 0;
    for (size_t i = 0; i < profile.nmappings; i++) {
        char command[5000], line[1000], id[200] = "";
        const char *file = string(profile.mappings[i].file);
        if (file[0] != '/')
            continue;
        snprintf(command, sizeof command, "LC_ALL=C readelf -n '%s' 2>/dev/null", file);
        FILE *said = popen(command, "r"); // NOLINT(bugprone-command-processor): a loaded file
        while (said && fgets(line, sizeof line, said))
            if (sscanf(line, " Build ID: %199[0-9a-f]", id) == 1)
                break;
        if (said)
            pclose(said);
        if (!id[0])
            continue;
        cr_expect_str_eq(string(profile.mappings[i].build_id), id, "%s", file);
        compared++;
    }
    if (!compared)
        cr_skip("no object has a build id that readelf shows");
}
