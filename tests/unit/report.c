/*
 * tests/unit/report.c - what a report computes in one pass is what a naive recomputation says:
 * columns, holders, the peak without each, the ladder, floors. Traces are random, and written here.
 */
#include "../helpers/scratch.h"
#include "../helpers/trace_writer.h"
#include "tools/report/against.h"
#include "tools/report/analysis.h"

#include "../helpers/suite.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[SCRATCH_PATH_MAX];
static struct trace_info info;
static struct report report;

static void path_make(void)
{
    scratch_path(path, "unit-report.trace");
}

static void path_remove(void)
{
    unlink(path);
}

TestSuite(report, .init = path_make, .fini = path_remove, .timeout = 120);

/* -- random traces ----------------------------------------------------------------------------- */

enum { BLOCKS = 300, TAGS = 12, NODES = 40 };

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (seed >> 33) % n;
}

struct block {
    uint64_t address, bytes;
    uint32_t tag;
};

static struct writer writer; /* large */

static void stacks_write(struct writer *w)
{
    uint32_t parents[NODES];
    uint64_t addresses[NODES];
    for (size_t i = 0; i < NODES; i++) {
        parents[i] = i ? (uint32_t)random_below(i + 1) : 0;
        addresses[i] = 0x10000 + random_below(24) * 16;
    }
    writer_stacks(w, parents, addresses, NODES);
}

static void names_write(struct writer *w)
{
    char name[32];
    for (unsigned i = 1; i < TAGS; i++) {
        snprintf(name, sizeof name, "tag-%u", i);
        writer_name(w, WEIR__TRACE_TAGN, i, name);
    }
    writer_name(w, WEIR__TRACE_NAME, 1, "step");
    writer_module(w, 0x10000, 0x1000, "/lib/x.so");
}

/* An event that is no block's. */
static bool odd_event(struct writer *w, uint32_t thread, uint64_t ticks, unsigned *run)
{
    switch (random_below(40)) {
    case 0:
        writer_mark(w, 1, ticks, (*run)++ % 2 == 0, 1, 1);
        return true;
    case 1:
        writer_adjust(w, thread, ticks, 5000, 1);
        return true;
    case 2:
        writer_fail(w, thread, ticks, 100000);
        return true;
    default:
        return false;
    }
}

/* So many events; the last free what is live, as far as there are any. */
static void trace_write(uint64_t events, bool base, bool stacks)
{
    static struct block blocks[BLOCKS];
    struct writer *w = &writer;
    uint64_t ticks = 1000;
    unsigned run = 0;
    memset(blocks, 0, sizeof blocks);
    writer_begin(w, path, "random", base ? 7777 : 0, base ? 3 : 0);
    names_write(w);
    if (stacks)
        stacks_write(w);
    if (base) {
        blocks[0] = (struct block){0x8000, 4000, 3};
        writer_base(w, 0x8000, 4000, 3);
    }
    for (uint64_t i = 0; i < events; i++) {
        struct block *b = &blocks[random_below(BLOCKS)];
        uint32_t thread = 1 + (uint32_t)random_below(8) / 7;
        /* Bursts, and silences. */
        ticks += random_below(50) == 0 ? random_below(20000) : random_below(3);
        uint64_t bytes = random_below(20) ? 1 + random_below(3000) : 20000 + random_below(3) * 7000;
        if (odd_event(w, thread, ticks, &run))
            continue;
        if (!b->address) {
            *b = (struct block){0x100000 + (uint64_t)(b - blocks) * 0x10000, bytes,
                                (uint32_t)random_below(TAGS)};
            writer_allocate(w, thread, ticks, b->address, bytes, b->tag,
                            stacks ? (uint32_t)random_below(NODES + 1) : 0);
        } else if (random_below(3) == 0) {
            writer_resize(w, thread, ticks, b->address, b->bytes, bytes, b->tag);
            b->bytes = bytes;
        } else {
            writer_free(w, thread, ticks, b->address, b->bytes);
            b->address = 0;
        }
    }
    writer_end(w, true);
    cr_assert_eq(w->last, events);
}

/* -- reading ----------------------------------------------------------------------------------- */

static void report_read_by(int by)
{
    struct report_options options = {.by = by, .all = true, .columns = true};
    cr_assert_eq(trace_info_open_tolerant(&info, path), 0, "%s", info.why);
    cr_assert_eq(report_make(&report, &info, path, &options), 0, "%s", info.why);
}

static void report_close(void)
{
    report_free(&report);
    trace_info_close(&info);
}

/* -- naive ------------------------------------------------------------------------------------- */

/* Total after every change, from the segments alone. */
static uint64_t *totals_naive(void)
{
    const struct report_data *d = &report.data;
    uint64_t *totals = calloc(d->nchanges + 1, sizeof *totals);
    for (size_t i = 0; i < d->nsegments; i++) {
        totals[d->segments[i].born] += d->segments[i].bytes;
        if (d->segments[i].died != REPORT_NONE)
            totals[d->segments[i].died] -= d->segments[i].bytes;
    }
    for (size_t i = 1; i < d->nchanges; i++)
        totals[i] += totals[i - 1];
    return totals;
}

static bool ends_event(size_t change)
{
    const struct report_data *d = &report.data;
    return change + 1 == d->nchanges || d->number[change + 1] != d->number[change];
}

static uint64_t at_of(const struct report_axis *axis, size_t change)
{
    const struct report_data *d = &report.data;
    return axis->timed ? d->ticks[change] - d->ticks[0] : d->number[change];
}

/* Columns part the changes; each has the least, greatest and last total of its part. */
static void axis_check(const struct report_axis *axis, const uint64_t *totals)
{
    size_t change = 0;
    uint64_t last = totals[0], greatest = 0;
    cr_assert_leq(axis->n, REPORT_COLUMNS);
    for (size_t c = 0; c < axis->n; c++) {
        const struct report_column *column = &axis->columns[c];
        uint64_t least = UINT64_MAX, most = 0,
                 end = c + 1 < axis->n ? axis->columns[c + 1].from : UINT64_MAX;
        cr_assert(c == 0 || column->from >= axis->columns[c - 1].from, "columns go back");
        for (; !column->empty && change <= column->last_change; change++) {
            cr_assert_geq(at_of(axis, change), column->from);
            cr_assert_leq(at_of(axis, change), end);
            if (!ends_event(change))
                continue;
            least = totals[change] < least ? totals[change] : least;
            most = totals[change] > most ? totals[change] : most;
            last = totals[change];
        }
        if (column->empty)
            least = most = last;
        cr_assert_eq(column->least, least, "column %zu", c);
        cr_assert_eq(column->most, most, "column %zu", c);
        cr_assert_eq(column->last, last, "column %zu", c);
        cr_assert_eq(totals[column->most_change], most);
        greatest = most > greatest ? most : greatest;
    }
    cr_assert_eq(change, report.data.nchanges);
    cr_assert_eq(greatest, report.data.peak);
    cr_assert_eq(axis->columns[axis->peak].most_change, report.data.peak_change);
    cr_assert_eq(axis->columns[axis->peak].least, report.data.peak, "the peak is not alone");
}

static void levels_check(const struct report_grouping *g)
{
    for (size_t a = 0; a < 2; a++)
        for (size_t c = 0; c < report.axes[a].n; c++) {
            uint64_t sum = 0;
            for (size_t i = 0; i < g->nstrip; i++) {
                const uint64_t *levels = report_levels_of(g, &report.samples, g->strip[i]);
                uint64_t level = levels[report.sample_of[a][c]];
                cr_assert_leq(level, report.axes[a].columns[c].most, "a holder is below nothing");
                sum += level;
            }
            cr_assert_leq(sum, report.axes[a].columns[c].most);
        }
}

static void bill_check(const struct report_grouping *g)
{
    struct report_amount sum = {0, 0};
    uint64_t left = 0;
    for (size_t i = 0; i < g->n; i++) {
        sum.bytes += g->holders[i].peak.bytes;
        sum.blocks += g->holders[i].peak.blocks;
        left += g->holders[i].left.bytes;
        cr_assert_leq(g->holders[i].without, report.data.peak);
        cr_assert_geq(g->holders[i].without, report.data.peak - g->holders[i].peak.bytes);
        for (size_t j = 0; j < i; j++)
            cr_assert(g->by == REPORT_BY_SITE ||
                      strcmp(g->holders[i].name, g->holders[j].name) != 0);
    }
    cr_assert_eq(sum.bytes, report.data.peak);
    cr_assert_eq(sum.blocks, report.data.count);
    cr_assert_eq(left, report.data.end.total);
}

/* A holder's level after every change, from the segments alone. `of` is at hand. */
static uint64_t *levels_naive(const struct report_grouping *g, const bool *wanted)
{
    const struct report_data *d = &report.data;
    uint64_t *levels = calloc(d->nchanges + 1, sizeof *levels);
    for (size_t i = 0; i < d->nsegments; i++) {
        if (!wanted[g->of[i]])
            continue;
        levels[d->segments[i].born] += d->segments[i].bytes;
        if (d->segments[i].died != REPORT_NONE)
            levels[d->segments[i].died] -= d->segments[i].bytes;
    }
    for (size_t i = 1; i < d->nchanges; i++)
        levels[i] += levels[i - 1];
    return levels;
}

/* A holder's time begins with its first block, if a quarter of the whole is left then. */
static uint64_t time_begins(const struct report_grouping *g, size_t holder)
{
    const struct report_data *d = &report.data;
    uint64_t start = d->timed ? d->ticks[0] : 0, last = d->timed ? d->last_ticks : d->last_number;
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < d->nsegments; i++)
        if (g->of[i] == holder) {
            uint64_t born =
                d->timed ? d->ticks[d->segments[i].born] : d->number[d->segments[i].born];
            first = born < first ? born : first;
        }
    return first < start || first > last - (last - start) / 4 ? start : first;
}

static unsigned tenth_naive(size_t change, uint64_t from)
{
    const struct report_data *d = &report.data;
    uint64_t length = (d->timed ? d->last_ticks : d->last_number) - from;
    uint64_t at = d->timed ? d->ticks[change] : d->number[change];
    return at > from ? (unsigned)((at - from) * 10 / (length + 1)) : 0;
}

/* The level that holds at any time of a tenth, or before any run of it. */
static void floor_check(const struct report_grouping *g, size_t holder, const uint64_t *levels)
{
    const struct report_holder *h = &g->holders[holder];
    const struct report_data *d = &report.data;
    uint64_t floor[10], from = time_begins(g, holder);
    memset(floor, 0xff, sizeof floor);
    if (report.floors.npoints) {
        for (size_t p = 0; p < report.floors.npoints; p++) {
            uint64_t level = levels[report.floors.points[p]];
            size_t tenth = p * 10 / report.floors.npoints;
            floor[tenth] = level < floor[tenth] ? level : floor[tenth];
        }
    } else {
        size_t before = SIZE_MAX;
        for (size_t i = 0; i < d->nchanges; i++) {
            if (!ends_event(i))
                continue;
            for (unsigned t = before == SIZE_MAX ? 10 : tenth_naive(before, from);
                 t <= (before == SIZE_MAX ? 0 : tenth_naive(i, from)); t++)
                floor[t] = levels[before] < floor[t] ? levels[before] : floor[t];
            before = i;
        }
        for (unsigned t = tenth_naive(before, from); t < 10; t++)
            floor[t] = levels[before] < floor[t] ? levels[before] : floor[t];
    }
    for (size_t t = 0; t < 10; t++)
        cr_assert_eq(h->floor[t], floor[t], "%s: floor %zu", h->name, t);
}

static void holders_check(const struct report_grouping *g, const uint64_t *totals)
{
    bool *wanted = calloc(g->n, 1);
    for (size_t h = 0; h < g->n; h++) {
        wanted[h] = true;
        uint64_t *levels = levels_naive(g, wanted), without = 0, most = 0;
        size_t when = 0;
        for (size_t i = 0; i < report.data.nchanges; i++)
            if (ends_event(i)) {
                cr_assert_leq(levels[i], totals[i]);
                most = levels[i] > most ? levels[i] : most;
                if (i == report_event_end(&report.data, 0) || totals[i] - levels[i] > without) {
                    without = totals[i] - levels[i];
                    when = i;
                }
            }
        cr_assert_eq(g->holders[h].without, without, "without %s", g->holders[h].name);
        cr_assert_eq(g->holders[h].without_change, when, "without %s", g->holders[h].name);
        cr_assert_eq(g->holders[h].most, most);
        floor_check(g, h, levels);
        free(levels);
        wanted[h] = false;
    }
    free(wanted);
}

static void ladder_check(const struct report_grouping *g, const uint64_t *totals)
{
    bool *away = calloc(g->n, 1);
    for (size_t s = 0; s < report.nladder; s++) {
        away[report.ladder[s].holder] = true;
        uint64_t *levels = levels_naive(g, away), most = 0;
        for (size_t i = 0; i < report.data.nchanges; i++)
            if (ends_event(i) && totals[i] - levels[i] > most)
                most = totals[i] - levels[i];
        cr_assert_eq(report.ladder[s].most, most, "step %zu", s);
        cr_assert(s == 0 || most <= report.ladder[s - 1].most);
        free(levels);
    }
    free(away);
}

static void whole_check(bool deep)
{
    uint64_t *totals = totals_naive();
    cr_assert(report.data.end.verified);
    cr_assert_eq(report.data.peak, info.foot.peak);
    cr_assert_eq(report.data.number[report.data.peak_change], info.foot.peak_number);
    for (size_t i = 0; i < report.data.nchanges; i++)
        if (ends_event(i))
            cr_assert_eq(totals[i], report.data.total[i]);
    for (size_t a = report.data.timed ? 0 : 1; a < 2; a++)
        axis_check(&report.axes[a], totals);
    for (size_t i = 0; i < report.ngroupings; i++) {
        bill_check(&report.groupings[i]);
        levels_check(&report.groupings[i]);
    }
    if (deep) {
        holders_check(&report.groupings[0], totals);
        ladder_check(&report.groupings[0], totals);
    }
    free(totals);
}

/* -- the tests --------------------------------------------------------------------------------- */

Test(report, random_traces_are_as_a_naive_recomputation_says)
{
    static const uint64_t sizes[] = {1, 2, 3, 50, 700, 2397, 2398, 2399, 2400, 2401, 5000, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int by = REPORT_BY_SITE; by < REPORT_BYS; by++) {
            seed = i * 100 + (uint64_t)by;
            trace_write(sizes[i], i % 2, by == REPORT_BY_SITE || i % 3 == 0);
            report_read_by(by);
            whole_check(true);
            report_close();
        }
}

Test(report, a_million_events_are_in_the_columns)
{
    seed = 5;
    trace_write(1000000, true, true);
    report_read_by(-1);
    whole_check(false);
    cr_assert_gt(report.axes[1].n, 2300);
    report_close();
}

Test(report, no_events_and_only_failed_ones_are_a_report)
{
    writer_begin(&writer, path, "none", 0, 0);
    writer_end(&writer, true);
    report_read_by(-1);
    cr_assert_eq(report.data.peak, 0);
    cr_assert_eq(report.data.nchanges, 1);
    cr_assert_eq(report_best_without(&report), REPORT_NONE);
    report_close();
    writer_begin(&writer, path, "failed", 0, 0);
    for (uint64_t i = 0; i < 50; i++)
        writer_fail(&writer, 1, 1000 + i, i * 1000);
    writer_end(&writer, true);
    report_read_by(-1);
    cr_assert_eq(report.data.peak, 0);
    cr_assert_eq(report.data.nfailures, 50);
    whole_check(true);
    report_close();
}

Test(report, what_is_in_no_block_has_a_holder)
{
    writer_begin(&writer, path, "rest", 1000, 4);
    writer_adjust(&writer, 1, 1100, 500, 1);
    writer_allocate(&writer, 1, 1200, 0x1000, 100, 0, 0);
    writer_adjust(&writer, 1, 1300, -500, -1);
    writer_end(&writer, true);
    report_read_by(REPORT_BY_TAG);
    const struct report_grouping *g = &report.groupings[0];
    cr_assert_eq(g->n, 3);
    cr_assert_str_eq(g->holders[0].name, "(before the recording)");
    cr_assert_eq(g->holders[0].peak.bytes, 1000);
    cr_assert_eq(g->holders[0].peak.blocks, 4);
    cr_assert_str_eq(g->holders[1].name, "(refused requests)");
    cr_assert_eq(g->holders[1].peak.bytes, 500);
    cr_assert_eq(g->holders[2].peak.bytes, 100);
    whole_check(true);
    report_close();
}

/* -- sites ------------------------------------------------------------------------------------- */

/* 0x1000: malloc; 0x2000: make; 0x3000: load; 0x4000: serve; 0x5000: main; from 0x6000 on:
 * nameless. */
static bool name_of(void *user, uint64_t address, size_t when, struct report_symbol *symbol)
{
    (void)when;
    static const char *const names[] = {NULL, "malloc", "make", "load", "serve", "main"};
    (void)user;
    uint64_t number = address >> 12;
    if (number < 1 || number > 7)
        return false;
    symbol->start = number << 12;
    symbol->named = number < 6;
    symbol->function = number < 6 ? names[number] : number == 6 ? "fn:6000" : "fn:7000";
    return true;
}

static void site_expect(size_t holder, const char *name, uint64_t bytes)
{
    cr_assert_str_eq(report.groupings[0].holders[holder].name, name);
    cr_assert_eq(report.groupings[0].holders[holder].peak.bytes, bytes);
}

Test(report, holders_are_split_by_caller_where_it_tells_them_apart)
{
    /* main > load > make > malloc, main > serve > make > malloc, main > fn > malloc */
    static const uint32_t parents[] = {0, 1, 2, 3, 1, 5, 6, 1, 8};
    static const uint64_t addresses[] = {0x5010, 0x3010, 0x2010, 0x1010, 0x4010,
                                         0x2010, 0x1010, 0x6010, 0x1010};
    struct report_options options = {.by = -1, .namer = name_of};
    writer_begin(&writer, path, "sites", 0, 0);
    writer_stacks(&writer, parents, addresses, 9);
    writer_allocate(&writer, 1, 1001, 0x100, 1000, 0, 4);
    writer_allocate(&writer, 1, 1002, 0x200, 700, 0, 7);
    writer_allocate(&writer, 1, 1003, 0x300, 10, 0, 9);
    writer_allocate(&writer, 1, 1004, 0x400, 5, 0, 0);
    writer_end(&writer, true);
    cr_assert_eq(trace_info_open_tolerant(&info, path), 0, "%s", info.why);
    cr_assert_eq(report_make(&report, &info, path, &options), 0);
    site_expect(0, "make <- load", 1000);
    site_expect(1, "make <- serve", 700);
    site_expect(2, "fn:6000 <- main", 10);
    site_expect(3, "(no stack)", 5);
    bill_check(&report.groupings[0]);
    report_close();
}

Test(report, a_deep_difference_is_named)
{
    /* main > load > main > make > malloc, main > serve > main > make > malloc: what tells them
     * apart is above the caller. */
    static const uint32_t parents[] = {0, 1, 2, 3, 4, 1, 6, 7, 8};
    static const uint64_t addresses[] = {0x5010, 0x3010, 0x5020, 0x2010, 0x1010,
                                         0x4010, 0x5020, 0x2010, 0x1010};
    struct report_options options = {.by = -1, .namer = name_of};
    writer_begin(&writer, path, "sites", 0, 0);
    writer_stacks(&writer, parents, addresses, 9);
    writer_allocate(&writer, 1, 1001, 0x100, 1000, 0, 5);
    writer_allocate(&writer, 1, 1002, 0x200, 700, 0, 9);
    writer_end(&writer, true);
    cr_assert_eq(trace_info_open_tolerant(&info, path), 0, "%s", info.why);
    cr_assert_eq(report_make(&report, &info, path, &options), 0);
    site_expect(0, "make <- main ... load", 1000);
    site_expect(1, "make <- main ... serve", 700);
    report_close();
}

Test(report, a_nameless_site_is_told_by_the_next_function_with_a_name)
{
    /* main > load > fn:7000 > fn:6000 > malloc */
    static const uint32_t parents[] = {0, 1, 2, 3, 4};
    static const uint64_t addresses[] = {0x5010, 0x3010, 0x7010, 0x6010, 0x1010};
    struct report_options options = {.by = -1, .namer = name_of};
    writer_begin(&writer, path, "sites", 0, 0);
    writer_stacks(&writer, parents, addresses, 5);
    /* What is directly below malloc and nameless is passed over only if malloc is above it. */
    writer_allocate(&writer, 1, 1001, 0x100, 1000, 0, 5);
    writer_end(&writer, true);
    cr_assert_eq(trace_info_open_tolerant(&info, path), 0, "%s", info.why);
    cr_assert_eq(report_make(&report, &info, path, &options), 0);
    site_expect(0, "fn:6000 <- load", 1000);
    report_close();
}

Test(report, allocators_are_known_by_their_names)
{
    static const char *const are[] = {"malloc",
                                      "operator new",
                                      "operator new[]",
                                      "std::string::_M_create",
                                      "sqlite3DbMallocRaw",
                                      "x::y::Allocate",
                                      "__libc_calloc",
                                      "strdup",
                                      "PyObject_Malloc"};
    static const char *const are_not[] = {"main", "Tensor::Tensor", "alloc<x>::run",
                                          "load_strdup_x", "mystd::x"};
    for (size_t i = 0; i < sizeof are / sizeof *are; i++)
        cr_expect(report_is_allocator(are[i]), "%s", are[i]);
    for (size_t i = 0; i < sizeof are_not / sizeof *are_not; i++)
        cr_expect_not(report_is_allocator(are_not[i]), "%s", are_not[i]);
}

/* -- growth, runs, temporary ------------------------------------------------------------------- */

Test(report, what_keeps_rising_grew_and_what_is_freed_at_the_end_too)
{
    writer_begin(&writer, path, "leak", 0, 0);
    writer_name(&writer, WEIR__TRACE_TAGN, 1, "leak");
    writer_name(&writer, WEIR__TRACE_TAGN, 2, "steady");
    writer_allocate(&writer, 1, 1000, 0x10, 5000, 2, 0);
    for (uint64_t i = 0; i < 100; i++)
        writer_allocate(&writer, 1, 1000 + i * 100, 0x1000 + i * 16, 10, 1, 0);
    for (uint64_t i = 0; i < 100; i++)
        writer_free(&writer, 1, 11000, 0x1000 + i * 16, 10);
    writer_free(&writer, 1, 11000, 0x10, 5000);
    writer_end(&writer, true);
    report_read_by(-1);
    uint32_t grown[2];
    cr_assert_eq(report_grown(&report, grown, 2), 1);
    cr_assert_str_eq(report.groupings[0].holders[grown[0]].name, "leak");
    cr_assert_gt(report.groupings[0].holders[grown[0]].grew, 500);
    report_close();
}

/* A program that takes long to start: what grows from its middle on is seen in tenths of its own.
 */
Test(report, what_begins_late_and_keeps_rising_grew)
{
    writer_begin(&writer, path, "late", 0, 0);
    writer_name(&writer, WEIR__TRACE_TAGN, 1, "leak");
    writer_name(&writer, WEIR__TRACE_TAGN, 2, "last");
    writer_allocate(&writer, 1, 1000, 0x10, 5000, 0, 0);
    for (uint64_t i = 0; i < 50; i++)
        writer_allocate(&writer, 1, 6000 + i * 180, 0x1000 + i * 16, 10, 1, 0);
    for (uint64_t i = 0; i < 50; i++)
        writer_allocate(&writer, 1, 15900 + i, 0x2000 + i * 16, 10, 2, 0);
    for (uint64_t i = 0; i < 50; i++)
        writer_free(&writer, 1, 16000, 0x1000 + i * 16, 10);
    writer_end(&writer, true);
    report_read_by(-1);
    uint32_t grown[2];
    cr_assert_eq(report_grown(&report, grown, 2), 1);
    const struct report_holder *h = &report.groupings[0].holders[grown[0]];
    cr_assert_str_eq(h->name, "leak");
    cr_assert(h->late);
    cr_assert_gt(h->grew, 300);
    report_close();
}

Test(report, runs_have_levels_and_what_they_kept)
{
    writer_begin(&writer, path, "runs", 0, 0);
    writer_name(&writer, WEIR__TRACE_NAME, 1, "go");
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t ticks = 1000 + i * 100;
        writer_mark(&writer, 1, ticks, true, 1, 1);
        writer_allocate(&writer, 1, ticks + 1, 0x1000 + i * 0x100, 100, 0, 0);
        writer_allocate(&writer, 1, ticks + 2, 0x9000, 1000, 0, 0);
        writer_free(&writer, 1, ticks + 3, 0x9000, 1000);
        writer_mark(&writer, 1, ticks + 4, false, 1, 1);
    }
    writer_end(&writer, true);
    report_read_by(-1);
    cr_assert_eq(report.runs.n, 3);
    for (uint64_t i = 0; i < 3; i++) {
        const struct report_run *run = &report.runs.runs[i];
        cr_assert_eq(run->before, i * 100);
        cr_assert_eq(run->peak, i * 100 + 1100);
        cr_assert_eq(run->after, i * 100 + 100);
        cr_assert_eq(run->born, 1100);
        cr_assert_eq(run->kept.bytes, 100);
    }
    cr_assert_eq(report.runs.rises, 2);
    cr_assert_eq(report.runs.median_rise, 100);
    cr_assert_eq(report.data.temporary, 3);
    report_close();
}

/* -- against ----------------------------------------------------------------------------------- */

static void tagged_write(uint64_t first, uint64_t second, const char *name)
{
    writer_begin(&writer, path, "against", 0, 0);
    writer_name(&writer, WEIR__TRACE_TAGN, 1, "same");
    writer_name(&writer, WEIR__TRACE_TAGN, 2, name);
    writer_allocate(&writer, 1, 1000, 0x10, first, 1, 0);
    writer_allocate(&writer, 1, 1001, 0x1000, second, 2, 0);
    writer_end(&writer, true);
}

Test(report, two_recordings_are_matched_by_name)
{
    struct trace_info other_info;
    struct report other;
    struct report_against against;
    struct report_options options = {.by = REPORT_BY_TAG};
    tagged_write(100, 50, "old");
    cr_assert_eq(trace_info_open_tolerant(&other_info, path), 0);
    cr_assert_eq(report_make(&other, &other_info, path, &options), 0);
    unlink(path);
    tagged_write(130, 40, "new");
    report_read_by(REPORT_BY_TAG);
    report_against_make(&against, &report, &other);
    cr_assert_eq(against.n, 3);
    cr_assert_eq(against.fresh, 1);
    cr_assert_eq(against.gone, 1);
    cr_assert_str_eq(against.rows[0].name, "old");
    cr_assert_eq(report_against_change(&against.rows[0]), -50);
    int64_t sum = 0;
    for (size_t i = 0; i < against.n; i++)
        sum += report_against_change(&against.rows[i]);
    cr_assert_eq(sum, (int64_t)(report.data.peak - other.data.peak));
    report_against_free(&against);
    report_close();
    report_free(&other);
    trace_info_close(&other_info);
}

/* -- bad input --------------------------------------------------------------------------------- */

Test(report, cut_and_damaged_traces_have_reports_whose_sums_are_right)
{
    seed = 77;
    trace_write(30000, true, true);
    FILE *file = fopen(path, "r+e");
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (long cut = size - 7; cut > size / 4; cut -= size / 9) {
        cr_assert_eq(ftruncate(fileno(file), cut), 0);
        report_read_by(-1);
        cr_assert_not(report.data.end.verified);
        uint64_t *totals = totals_naive();
        for (size_t i = 0; i < report.ngroupings; i++) {
            bill_check(&report.groupings[i]);
            levels_check(&report.groupings[i]);
        }
        axis_check(&report.axes[1], totals);
        free(totals);
        report_close();
    }
    fseek(file, size / 8, SEEK_SET);
    fputs("damage", file);
    fclose(file);
    report_read_by(-1);
    bill_check(&report.groupings[0]);
    report_close();
}
