/* What a report says of memory that the program mapped itself, against a count of pages. Files are
 * written by tests/helpers/trace_writer.h. */
#include "../helpers/scratch.h"
#include "../helpers/suite.h"
#include "../helpers/trace_writer.h"
#include "observe/mapping.h"
#include "tools/report/analysis.h"

#include <unistd.h>

#define PAGES 64u
#define PAGE  4096u
#define FIRST 0x10000u
#define RW    (WEIR__MAPPING_READ | WEIR__MAPPING_WRITE)

static char path[SCRATCH_PATH_MAX];

static void path_make(void)
{
    scratch_path(path, "unit-report-mappings.wtr");
}

static void path_remove(void)
{
    unlink(path);
}

TestSuite(report_mappings, .init = path_make, .fini = path_remove);

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void mapped(struct writer *w, uint64_t ticks, uint64_t address, uint64_t bytes,
                   uint64_t flags, uint64_t stack)
{
    unsigned char payload[40], *at = weir__put_varint(payload, address);
    at = weir__put_varint(at, bytes);
    at = weir__put_varint(at, flags);
    at = weir__put_varint(at, stack);
    writer_other(w, 1, ticks, WEIR__TRACE_MAPPED, payload, (size_t)(at - payload));
}

static void unmapped(struct writer *w, uint64_t ticks, uint64_t address, uint64_t bytes)
{
    unsigned char payload[20], *at = weir__put_varint(payload, address);
    at = weir__put_varint(at, bytes);
    writer_other(w, 1, ticks, WEIR__TRACE_UNMAPPED, payload, (size_t)(at - payload));
}

static void report_open(struct report *r, struct trace_info *info)
{
    struct report_options options = {.by = -1};
    cr_assert_eq(trace_info_open(info, path), 0, "%s", info->why);
    cr_assert_eq(report_make(r, info, path, &options), 0, "%s", info->why);
}

static void report_close(struct report *r, struct trace_info *info)
{
    report_free(r);
    trace_info_close(info);
}

/* By page: 0 not mapped, 1 address space, 2 mapped, 3 of a file. */
static unsigned char pages[PAGES];

static uint64_t pages_bytes(unsigned least)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < PAGES; i++)
        bytes += pages[i] >= least ? PAGE : 0;
    return bytes;
}

static void step(struct writer *w, uint64_t ticks, uint32_t *random)
{
    unsigned from = next_random(random) % PAGES, n = 1 + next_random(random) % (PAGES - from);
    uint64_t address = FIRST + (uint64_t)from * PAGE, bytes = (uint64_t)n * PAGE;
    switch (next_random(random) % 5) {
    case 0:
        mapped(w, ticks, address, bytes, RW, 0);
        memset(pages + from, 2, n);
        break;
    case 1:
        mapped(w, ticks, address, bytes, WEIR__MAPPING_READ | WEIR__MAPPING_FILE, 0);
        memset(pages + from, 3, n);
        break;
    case 2:
        mapped(w, ticks, address, bytes, 0, 0);
        memset(pages + from, 1, n);
        break;
    case 3:
        unmapped(w, ticks, address, bytes);
        memset(pages + from, 0, n);
        break;
    default: /* of files the test would have to remember what they were */
        for (unsigned i = from; i < from + n; i++)
            if (pages[i] == 3)
                return;
        mapped(w, ticks, address, bytes, RW | WEIR__MAPPING_PROTECTED, 0);
        for (unsigned i = from; i < from + n; i++)
            pages[i] = pages[i] ? 2 : 0;
    }
}

Test(report_mappings, sums_are_those_of_the_pages)
{
    for (uint32_t seed = 1; seed <= 30; seed++) {
        struct writer w;
        struct report r;
        struct trace_info info;
        uint32_t random = seed;
        uint64_t most = 0, of_files = 0, at_peak = 0;
        memset(pages, 0, sizeof pages);
        writer_begin(&w, path, "program", 0, 0);
        for (uint64_t i = 1; i <= 200; i++) {
            step(&w, 1000 + 2 * i, &random);
            uint64_t bytes = pages_bytes(2);
            if (bytes > most) {
                most = bytes;
                of_files = pages_bytes(3);
            }
            if (i == 100) {
                at_peak = bytes;
                writer_allocate(&w, 1, 1001 + 2 * i, 0x900000, 100, 0, 0);
            }
        }
        writer_end(&w, true);
        report_open(&r, &info);
        cr_assert(r.data.end.verified);
        cr_assert_eq(r.data.peak, 100);
        cr_assert_eq(r.mappings.most, most, "seed %u", seed);
        cr_assert_eq(r.mappings.of_files, of_files, "seed %u", seed);
        cr_assert_eq(r.mappings.at_peak, at_peak, "seed %u", seed);
        cr_assert_eq(r.mappings.left, pages_bytes(2), "seed %u", seed);
        report_close(&r, &info);
    }
}

/* A piece that mremap moves keeps who mapped it; of what was not seen mapped nothing is known. */
Test(report_mappings, moved_pieces_have_their_callers)
{
    static const uint32_t parents[] = {0, 1, 1};
    static const uint64_t addresses[] = {0x5000, 0x5100, 0x5200};
    struct writer w;
    struct report r;
    struct trace_info info;
    writer_begin(&w, path, "program", 0, 0);
    writer_stacks(&w, parents, addresses, 3);
    writer_allocate(&w, 1, 1001, 0x900000, 100, 0, 2);
    mapped(&w, 1002, 0x10000, 2 * PAGE, RW, 2);
    mapped(&w, 1003, 0x20000, PAGE, RW, 3);
    unmapped(&w, 1004, 0x10000, 2 * PAGE);
    mapped(&w, 1005, 0x40000, 5 * PAGE, RW | WEIR__MAPPING_MOVED, 0);
    unmapped(&w, 1006, 0x80000, PAGE);
    mapped(&w, 1007, 0x90000, 9 * PAGE, RW | WEIR__MAPPING_MOVED, 0);
    mapped(&w, 1008, UINT64_MAX - 100, PAGE, RW, 3); /* hostile: over the end */
    writer_end(&w, true);
    report_open(&r, &info);
    cr_assert_eq(r.mappings.most, 6 * PAGE);
    cr_assert_eq(r.mappings.n, 2);
    cr_assert_eq(r.mappings.mappers[0].bytes, 5 * PAGE);
    cr_assert_eq(r.mappings.mappers[1].bytes, PAGE);
    cr_assert_str_neq(r.mappings.mappers[0].name, r.mappings.mappers[1].name);
    report_close(&r, &info);
}

Test(report_mappings, without_any_there_is_no_word_of_them)
{
    struct writer w;
    struct report r;
    struct trace_info info;
    char *text;
    size_t n;
    writer_begin(&w, path, "program", 0, 0);
    writer_allocate(&w, 1, 1001, 0x900000, 100, 0, 0);
    writer_end(&w, true);
    report_open(&r, &info);
    FILE *to = open_memstream(&text, &n);
    report_mappings_text(to, &r.mappings, &r.data, 0);
    report_mappings_html(to, &r.mappings, &r.data);
    fclose(to);
    cr_assert_eq(n, 0);
    free(text);
    report_close(&r, &info);
}
