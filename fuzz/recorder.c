/*
 * fuzz/recorder.c - the recorder on any calls with any names: blocks, contexts, tags and marks. The
 * file that comes of it is read strictly: its peak, its sums and its numbers of events are those of
 * a model, every name is there as it was given, cut where the format cuts it.
 */
#include "fuzz/memory_file.h"
#include "fuzz/target.h"
#include "tools/trace/binary.h"
#include "tools/trace/replay.h"

#include <string.h>
#include <weir/weir.h>

#define SLOTS     32
#define NAME_MOST 400

struct model {
    weir_allocator *contexts[4]; /* the first is the CPU's */
    unsigned char *blocks[SLOTS];
    size_t sizes[SLOTS];
    weir_allocator *of[SLOTS];
    uint64_t total, peak, allocations, frees, resizes, marks;
    char last[NAME_MOST]; /* the name of the allocator that was last used */
};

/* Two bytes, any but zero, again and again: few names, so that the process does not fill up. */
static const char *name_take(struct fuzz_bytes *in)
{
    static char name[NAME_MOST];
    unsigned first = fuzz_byte(in), second = fuzz_byte(in), n = fuzz_byte(in) * 3 / 2;
    for (unsigned i = 0; i < n; i++)
        name[i] = (char)(i & 1 ? second | !second : first | !first);
    name[n] = '\0';
    return name;
}

static void total_move(struct model *m, size_t plus, size_t minus)
{
    m->total += plus - minus;
    m->peak = m->total > m->peak ? m->total : m->peak;
}

static void slot_change(struct model *m, unsigned k, size_t size)
{
    unsigned char *block = weir_reallocate(m->of[k], m->blocks[k], size);
    if (!block)
        exit(77);
    m->blocks[k] = block;
    total_move(m, size, m->sizes[k]);
    m->sizes[k] = size;
    m->resizes++;
}

static void slot_take(struct model *m, unsigned k, weir_allocator *a, size_t size)
{
    m->blocks[k] = weir_allocate(a, size);
    if (!m->blocks[k])
        exit(77);
    m->of[k] = a;
    snprintf(m->last, sizeof m->last, "%s", weir_allocator_name(a));
    m->sizes[k] = size;
    total_move(m, size, 0);
    m->allocations++;
}

static void slot_free(struct model *m, unsigned k)
{
    weir_deallocate(m->of[k], m->blocks[k]);
    m->blocks[k] = NULL;
    total_move(m, 0, m->sizes[k]);
    m->frees++;
}

static void context_make(struct model *m, struct fuzz_bytes *in)
{
    const char *name = name_take(in);
    for (int i = 1; i < 4; i++)
        if (!m->contexts[i]) {
            m->contexts[i] = weir_allocator_create(&(weir_allocator_options){.name = name});
            if (!m->contexts[i])
                exit(77);
            return;
        }
}

static void step(struct model *m, struct fuzz_bytes *in)
{
    unsigned kind = fuzz_byte(in), k = kind % SLOTS;
    size_t size = (size_t)fuzz_number(in, 2) * (kind & 64 ? 50 : 1);
    if (kind >= 250)
        context_make(m, in);
    else if (kind >= 240)
        weir_tag_set(weir_tag_intern(name_take(in)));
    else if (kind >= 225)
        m->marks += weir_trace_mark((weir_mark)(1 + size % 6), name_take(in), kind & 1) == 0;
    else if (!m->blocks[k])
        slot_take(m, k, m->contexts[size % 4] ? m->contexts[size % 4] : m->contexts[0], size);
    else if (kind & 128)
        slot_change(m, k, size);
    else
        slot_free(m, k);
}

static bool context_is_named(const struct trace_info *info, const char *name)
{
    for (size_t i = 0; i < info->ncontexts; i++)
        if (info->contexts[i].name && strcmp(info->contexts[i].name, name) == 0)
            return true;
    return false;
}

static void file_check(const char *path, const struct model *m)
{
    struct trace_info info;
    struct trace_replay replay = {0};
    FUZZ_EXPECT(trace_info_open(&info, path) == 0);
    FUZZ_EXPECT(trace_replay_run(&replay, &info, NULL, NULL) == 0);
    FUZZ_EXPECT(replay.verified && !replay.inexact && info.foot.present && !info.foot.dropped);
    FUZZ_EXPECT(replay.total == m->total && replay.peak == m->peak);
    FUZZ_EXPECT(replay.allocations == m->allocations && replay.frees == m->frees);
    FUZZ_EXPECT(replay.marks == m->marks);
    FUZZ_EXPECT(!*m->last || context_is_named(&info, m->last));
    trace_replay_end(&replay);
    trace_info_close(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes in = {data, data + size};
    struct model m = {.contexts = {weir_cpu_allocator()}};
    const char *path = memory_file(NULL, 0);
    if (weir_trace_start(path, &(weir_trace_options){.no_stacks = size & 1}) != 0)
        exit(77);
    while (in.at < in.end)
        step(&m, &in);
    weir_tag_set(0);
    FUZZ_EXPECT(weir_trace_stop() == 0);
    file_check(path, &m);
    for (unsigned k = 0; k < SLOTS; k++)
        if (m.blocks[k])
            slot_free(&m, k);
    for (int i = 1; i < 4; i++)
        if (m.contexts[i])
            FUZZ_EXPECT(weir_allocator_destroy(m.contexts[i]) == 0);
    return m.allocations > 0;
}
