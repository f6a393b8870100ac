/*
 * tests/unit/report_page.c - the page and the exports, as bytes: the same each time, of no other
 * origin, well-formed whatever names a program gives, and in sum what the peak is. What a browser
 * makes of the page is tests/scripts/report.sh's.
 */
#include "../helpers/scratch.h"
#include "../helpers/trace_writer.h"
#include "tools/common/text.h"
#include "tools/report/export.h"
#include "tools/report/page.h"

#include "../helpers/suite.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BAD "</script><b>\"'&\n\xff\xfe\xc3(\xe2\x80\xa8;,"

static char path[SCRATCH_PATH_MAX];
static struct trace_info info;
static struct report report;
static struct writer writer; /* large */

static void path_make(void)
{
    scratch_path(path, "unit-report-page.trace");
}

static void path_remove(void)
{
    unlink(path);
}

TestSuite(report_page, .init = path_make, .fini = path_remove, .timeout = 120);

static bool name_of(void *user, uint64_t address, size_t when, struct report_symbol *symbol)
{
    (void)when;
    static char name[64];
    (void)user;
    snprintf(name, sizeof name, "ns%u::" BAD, (unsigned)(address >> 12));
    symbol->function = name;
    symbol->full = "f(" BAD ")";
    symbol->named = true;
    return address >> 12 < 9;
}

/* Every kind of thing that a page shows, with names that are no names. */
static void trace_write(uint64_t rounds)
{
    static const uint32_t parents[] = {0, 1, 2, 1, 4};
    static const uint64_t addresses[] = {0x1010, 0x2010, 0x3010, 0x4010, 0x99010};
    struct writer *w = &writer;
    uint64_t ticks = 1000;
    writer_begin(w, path, "/bin/" BAD " x", 500, 2);
    writer_module(w, 0x1000, 0x8000, "/lib/" BAD);
    writer_stacks(w, parents, addresses, 5);
    writer_name(w, WEIR__TRACE_TAGN, 1, BAD);
    writer_name(w, WEIR__TRACE_TAGN, 2, "plain");
    writer_name(w, WEIR__TRACE_NAME, 1, BAD);
    for (uint64_t i = 0; i < rounds; i++) {
        writer_mark(w, 1, ticks += 100, true, 1, 1);
        writer_allocate(w, 1, ticks += 10, 0x100000 + i * 0x10000, 1000 + i, 1, 3);
        writer_allocate(w, 2, ticks += 10, 0x5000, 70000, 2, 5);
        writer_allocate(w, 1, ticks += 10, 0x9000, 64, 0, 0);
        writer_resize(w, 1, ticks += 10, 0x9000, 64, 30000 + i % 7, 0);
        writer_free(w, 1, ticks += 10, 0x9000, 30000 + i % 7);
        writer_free(w, 1, ticks += 10, 0x5000, 70000);
        writer_fail(w, 2, ticks += 10, 1 << 20);
        writer_mark(w, 1, ticks += 100, false, 1, 1);
    }
    writer_end(w, true);
}

static void report_read(int by)
{
    struct report_options options = {.by = by, .namer = name_of, .all = true, .columns = true};
    cr_assert_eq(trace_info_open_tolerant(&info, path), 0, "%s", info.why);
    cr_assert_eq(report_make(&report, &info, path, &options), 0, "%s", info.why);
}

static void report_close(void)
{
    report_free(&report);
    trace_info_close(&info);
}

struct text {
    char *bytes;
    size_t n;
};

static struct text page_made(const struct report_against *against)
{
    struct text t;
    FILE *to = open_memstream(&t.bytes, &t.n);
    page_write(to, &report, against);
    fclose(to);
    return t;
}

static struct text export_made(enum export_kind kind)
{
    struct text t;
    FILE *to = open_memstream(&t.bytes, &t.n);
    export_write(to, &report, kind, report.data.peak_change);
    fclose(to);
    return t;
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* Well-formed, nothing from elsewhere, and no tag that a name made. */
static void page_check(const struct text *page)
{
    static const char *const none[] = {"://",  " src=", " href=", "@import",
                                       "url(", "<b>\"", "<link"};
    cr_assert_eq(strlen(page->bytes), page->n, "a NUL in the page");
    for (const char *at = page->bytes; *at;) {
        size_t n = text_utf8(at);
        cr_assert(n, "no UTF-8 at %zu", (size_t)(at - page->bytes));
        cr_assert((unsigned char)*at >= ' ' || *at == '\n', "a control character");
        at += n;
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_assert_null(strstr(page->bytes, none[i]), "%s", none[i]);
    cr_assert_eq(count_of(page->bytes, "</script>"), 2);
    cr_assert_eq(count_of(page->bytes, "<script"), 2);
    cr_assert_lt(strlen(page_script) + strlen(page_style), 40000);
    cr_assert_lt(page->n, 1000000);
}

Test(report_page, is_the_same_each_time_and_well_formed_whatever_the_names_are)
{
    trace_write(60);
    for (int by = REPORT_BY_SITE; by < REPORT_BYS; by++) {
        report_read(by);
        struct text first = page_made(NULL), second = page_made(NULL);
        cr_assert_str_eq(first.bytes, second.bytes);
        page_check(&first);
        char peak[64];
        snprintf(peak, sizeof peak, "data-peak=\"%llu\"", (unsigned long long)info.foot.peak);
        cr_assert(strstr(first.bytes, peak));
        report_close();
        report_read(by);
        struct text third = page_made(NULL);
        cr_assert_str_eq(first.bytes, third.bytes);
        free(first.bytes);
        free(second.bytes);
        free(third.bytes);
        report_close();
    }
}

Test(report_page, of_nothing_of_one_event_and_of_refused_requests_is_a_page)
{
    for (unsigned what = 0; what < 4; what++) {
        writer_begin(&writer, path, "", 0, 0);
        if (what == 1)
            writer_allocate(&writer, 1, 1001, 0x10, 0, 0, 0);
        if (what == 2)
            writer_allocate(&writer, 1, 1001, 0x10, 7, 0, 0);
        if (what == 3)
            writer_fail(&writer, 1, 1001, 100);
        writer_end(&writer, what != 2);
        report_read(-1);
        struct text page = page_made(NULL);
        page_check(&page);
        free(page.bytes);
        for (int kind = EXPORT_PPROF; kind <= EXPORT_CSV; kind++)
            free(export_made((enum export_kind)kind).bytes);
        report_close();
    }
}

Test(report_page, has_what_changed_since_another_recording)
{
    struct trace_info other_info;
    struct report other;
    struct report_against against;
    struct report_options options = {.by = -1, .namer = name_of};
    trace_write(10);
    cr_assert_eq(trace_info_open_tolerant(&other_info, path), 0);
    cr_assert_eq(report_make(&other, &other_info, path, &options), 0);
    unlink(path);
    trace_write(60);
    report_read(-1);
    report_against_make(&against, &report, &other);
    struct text page = page_made(&against);
    page_check(&page);
    cr_assert(strstr(page.bytes, "Against another recording"));
    free(page.bytes);
    report_against_free(&against);
    report_close();
    report_free(&other);
    trace_info_close(&other_info);
}

Test(report_page, of_many_events_stays_below_its_bound)
{
    trace_write(30000);
    report_read(-1);
    struct text page = page_made(NULL);
    page_check(&page);
    free(page.bytes);
    report_close();
}

/* -- exports: read by a decoder of a few lines ------------------------------------------------- */

struct field {
    unsigned number;
    uint64_t value;             /* of a varint */
    const unsigned char *bytes; /* of what has a length, `value` */
};

static uint64_t varint_take(const unsigned char **at, const unsigned char *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        cr_assert(*at < end, "a message ends in a number");
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
    cr_assert_fail("a number without an end");
    return 0;
}

static bool field_take(struct field *f, const unsigned char **at, const unsigned char *end)
{
    if (*at == end)
        return false;
    uint64_t key = varint_take(at, end);
    f->number = (unsigned)(key >> 3);
    f->value = varint_take(at, end);
    f->bytes = NULL;
    cr_assert((key & 7) == 0 || (key & 7) == 2, "wire type %u", (unsigned)(key & 7));
    if ((key & 7) == 2) {
        cr_assert_leq(f->value, (uint64_t)(end - *at));
        f->bytes = *at;
        *at += f->value;
    }
    return true;
}

/* The first field of the number, or 0. */
static struct field field_find(const struct field *in, unsigned number)
{
    const unsigned char *at = in->bytes;
    struct field f;
    while (at && field_take(&f, &at, in->bytes + in->value))
        if (f.number == number)
            return f;
    return (struct field){0};
}

static struct text inflated(const struct text *packed)
{
    struct text t = {calloc(1, 1 << 22), 0};
    z_stream z = {.next_in = (unsigned char *)packed->bytes,
                  .avail_in = (unsigned)packed->n,
                  .next_out = (unsigned char *)t.bytes,
                  .avail_out = 1 << 22};
    cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
    cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    t.n = z.total_out;
    inflateEnd(&z);
    return t;
}

Test(report_page, pprof_has_the_peak_in_its_samples)
{
    trace_write(60);
    report_read(-1);
    struct text packed = export_made(EXPORT_PPROF), t = inflated(&packed);
    const unsigned char *at = (unsigned char *)t.bytes, *end = at + t.n;
    struct field f;
    uint64_t sums[4] = {0}, strings = 0, locations = 0, types = 0;
    while (field_take(&f, &at, end)) {
        strings += f.number == 6;
        locations += f.number == 4;
        types += f.number == 1;
        if (f.number == 6 && strings == 1)
            cr_assert_eq(f.value, 0, "the first string is empty");
        struct field values = f.number == 2 ? field_find(&f, 2) : (struct field){0};
        const unsigned char *value = values.bytes;
        for (size_t i = 0; value && i < 4; i++)
            sums[i] += varint_take(&value, values.bytes + values.value);
    }
    cr_assert_eq(types, 4);
    cr_assert_geq(locations, 5);
    cr_assert_eq(sums[0], report.data.peak);
    cr_assert_eq(sums[1], report.data.count);
    cr_assert_eq(sums[3], report.data.end.allocations);
    free(packed.bytes);
    free(t.bytes);
    report_close();
}

Test(report_page, perfetto_has_the_peak_in_its_counter_and_each_mark)
{
    trace_write(20000); /* more changes than a counter may have points */
    report_read(-1);
    struct text t = export_made(EXPORT_PERFETTO);
    const unsigned char *at = (unsigned char *)t.bytes, *end = at + t.n;
    struct field packet;
    uint64_t most = 0, points = 0, begins = 0, ends = 0, last = 0;
    while (field_take(&packet, &at, end)) {
        struct field event = field_find(&packet, 11);
        cr_assert_eq(packet.number, 1);
        uint64_t type = field_find(&event, 9).value, track = field_find(&event, 11).value;
        begins += type == 1;
        ends += type == 2;
        if (type != 4 || track != 2)
            continue;
        points++;
        last = field_find(&event, 30).value;
        most = last > most ? last : most;
    }
    cr_assert_eq(most, report.data.peak);
    cr_assert_eq(last, report.data.end.total);
    cr_assert_leq(points, 100000);
    cr_assert_gt(points, 20000);
    cr_assert_eq(begins, 20000);
    cr_assert_eq(ends, 20000);
    free(t.bytes);
    report_close();
}

Test(report_page, folded_stacks_and_the_csv_come_to_the_peak)
{
    trace_write(60);
    report_read(-1);
    struct text folded = export_made(EXPORT_FOLDED), csv = export_made(EXPORT_CSV);
    uint64_t sum = 0;
    for (char *line = strtok(folded.bytes, "\n"); line; line = strtok(NULL, "\n"))
        sum += strtoull(strrchr(line, ' '), NULL, 10);
    cr_assert_eq(sum, report.data.peak);
    size_t rows = count_of(csv.bytes, "\n");
    cr_assert_eq(rows, report.groupings[0].n + 1);
    sum = 0;
    for (char *line = strchr(csv.bytes, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        const char *at = line + 1;
        for (; at[0] != '"' || at[1] == '"'; at += at[0] == '"' ? 2 : 1)
            ;
        at = strchr(at + 3, '"'); /* behind the module's name, which has quotes of its own */
        while (at[1] == '"')
            at = strchr(at + 2, '"');
        sum += strtoull(at + 2, NULL, 10);
    }
    cr_assert_eq(sum, report.data.peak);
    free(folded.bytes);
    free(csv.bytes);
    report_close();
}

Test(report_page, moments_have_names)
{
    uint32_t change;
    trace_write(60);
    report_read(-1);
    cr_assert(export_moment(&report, "peak", &change));
    cr_assert_eq(change, report.data.peak_change);
    cr_assert(export_moment(&report, "end", &change));
    cr_assert_eq(report.data.total[change], report.data.end.total);
    cr_assert(export_moment(&report, "1", &change));
    cr_assert_eq(report.data.number[change], 0);
    cr_assert(export_moment(&report, "2", &change));
    cr_assert_eq(report.data.number[change], 2);
    cr_assert(export_moment(&report, BAD, &change));
    cr_assert_not(export_moment(&report, "none", &change));
    report_close();
}
