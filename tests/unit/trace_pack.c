/* Packed recordings: every event comes back, and of what is damaged or hostile nothing is taken
 * for true. Files are written by tests/helpers/trace_writer.h. */
#include "../helpers/scratch.h"
#include "../helpers/suite.h"
#include "../helpers/trace_writer.h"
#include "tools/trace/pack.h"
#include "tools/trace/replay.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#define EVENTS    3000u
#define FILE_MOST ((size_t)1 << 20)

static char plain[SCRATCH_PATH_MAX], packed[SCRATCH_PATH_MAX];

static void paths_make(void)
{
    scratch_path(plain, "unit-trace-pack.wtr");
    scratch_path(packed, "unit-trace-pack.wtz");
}

static void paths_remove(void)
{
    unlink(plain);
    unlink(packed);
}

TestSuite(trace_pack, .init = paths_make, .fini = paths_remove);

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Blocks of three threads, of which some stay. */
static void plain_make(void)
{
    struct writer w;
    uint32_t random = 5;
    writer_begin(&w, plain, "program", 0, 0);
    for (uint64_t i = 1; i <= EVENTS / 2; i++) {
        uint32_t thread = 1 + next_random(&random) % 3, bytes = next_random(&random) % 5000;
        writer_allocate(&w, thread, 1000 + 2 * i, 0x10000 + i * 0x2000, bytes, 0, 0);
        if (i % 7)
            writer_free(&w, thread, 1001 + 2 * i, 0x10000 + i * 0x2000, bytes);
        else
            writer_mark(&w, thread, 1001 + 2 * i, i & 1, 1, 1);
    }
    writer_end(&w, true);
}

static int pack(uint64_t *cut, char *why, size_t nwhy)
{
    FILE *to = fopen(packed, "we");
    cr_assert_not_null(to);
    int error = trace_pack(plain, to, cut, why, nwhy);
    cr_assert_eq(fclose(to), 0);
    return error;
}

static void packed_make(void)
{
    uint64_t cut;
    char why[256] = "";
    plain_make();
    cr_assert_eq(pack(&cut, why, sizeof why), 0, "%s", why);
    cr_assert_eq(cut, 0);
}

static size_t file_read(const char *path, unsigned char *bytes)
{
    FILE *from = fopen(path, "re");
    cr_assert_not_null(from);
    size_t n = fread(bytes, 1, FILE_MOST, from);
    cr_assert_lt(n, FILE_MOST);
    fclose(from);
    return n;
}

static void file_write(const char *path, const unsigned char *bytes, size_t n)
{
    FILE *to = fopen(path, "we");
    cr_assert(to && fwrite(bytes, 1, n, to) == n);
    cr_assert_eq(fclose(to), 0);
}

/* All events of a file. Returns their number. */
static size_t records_read(const char *path, struct trace_record *records)
{
    struct trace_info info;
    cr_assert_eq(trace_info_open(&info, path), 0, "%s", info.why);
    struct trace_merge *merge = trace_merge_begin(&info);
    size_t n = 0;
    while (n < EVENTS + 1 && trace_merge_next(merge, &records[n]) > 0)
        n++;
    trace_merge_end(merge);
    trace_info_close(&info);
    return n;
}

Test(trace_pack, every_event_comes_back)
{
    static struct trace_record a[EVENTS + 1], b[EVENTS + 1];
    static unsigned char before[FILE_MOST], after[FILE_MOST];
    packed_make();
    cr_assert_eq(records_read(plain, a), EVENTS);
    cr_assert_eq(records_read(packed, b), EVENTS);
    cr_assert(memcmp(a, b, sizeof *a * EVENTS) == 0);
    cr_assert_lt(file_read(packed, after), file_read(plain, before));
}

Test(trace_pack, what_is_packed_stays_as_it_is)
{
    static unsigned char first[FILE_MOST], second[FILE_MOST];
    uint64_t cut;
    char why[256] = "";
    packed_make();
    size_t n = file_read(packed, first);
    file_write(plain, first, n);
    cr_assert_eq(pack(&cut, why, sizeof why), 0, "%s", why);
    cr_assert_eq(file_read(packed, second), n);
    cr_assert(memcmp(first, second, n) == 0);
}

/* As a reader sees it: refused, or with the peak and the events that it had. */
static void read_is_true_or_refused(const char *what, size_t at, uint64_t peak)
{
    struct trace_info info;
    struct trace_replay replay = {0};
    int error = trace_info_open(&info, packed);
    if (!error)
        error = trace_replay_run(&replay, &info, NULL, NULL);
    cr_assert(error || (replay.peak == peak && (replay.events == EVENTS || replay.inexact)),
              "%s at %zu: %llu events", what, at, (unsigned long long)replay.events);
    cr_assert(!error || *info.why);
    trace_replay_end(&replay);
    trace_info_close(&info);
    error = trace_info_open_tolerant(&info, packed);
    if (!error) {
        error = trace_replay_run(&replay, &info, NULL, NULL);
        cr_assert(error == 0 && replay.events <= EVENTS);
        trace_replay_end(&replay);
    }
    trace_info_close(&info);
}

static uint64_t peak_of(const char *path)
{
    struct trace_info info;
    struct trace_replay replay;
    cr_assert_eq(trace_info_open(&info, path), 0);
    cr_assert_eq(trace_replay_run(&replay, &info, NULL, NULL), 0);
    uint64_t peak = replay.peak;
    trace_replay_end(&replay);
    trace_info_close(&info);
    return peak;
}

Test(trace_pack, a_changed_byte_is_found)
{
    static unsigned char bytes[FILE_MOST];
    uint32_t random = 9;
    packed_make();
    uint64_t peak = peak_of(plain);
    size_t n = file_read(packed, bytes);
    for (int i = 0; i < 300; i++) {
        size_t at = 16 + next_random(&random) % (n - 16);
        bytes[at] ^= 0x10;
        file_write(packed, bytes, n);
        read_is_true_or_refused("changed", at, peak);
        bytes[at] ^= 0x10;
    }
}

Test(trace_pack, a_damaged_recording_is_not_packed)
{
    static unsigned char bytes[FILE_MOST];
    uint64_t cut;
    char why[256] = "";
    plain_make();
    size_t n = file_read(plain, bytes);
    bytes[n / 2] ^= 1;
    file_write(plain, bytes, n);
    cr_assert_eq(pack(&cut, why, sizeof why), EINVAL);
    cr_assert_not_null(strstr(why, "wrong CRC"), "%s", why);
    bytes[n / 2] ^= 1;
    bytes[10]++;
    while (bytes[10] <= WEIR__TRACE_MINOR)
        bytes[10]++;
    file_write(plain, bytes, n);
    cr_assert_eq(pack(&cut, why, sizeof why), EINVAL);
    cr_assert_not_null(strstr(why, "trace format 1."), "%s", why);
    file_write(plain, (const unsigned char *)"# weir", 6);
    cr_assert_eq(pack(&cut, why, sizeof why), EINVAL);
    cr_assert_str_eq(why, "not a weir trace");
    unlink(plain);
    cr_assert_eq(pack(&cut, why, sizeof why), ENOENT);
}

Test(trace_pack, a_recording_that_was_cut_is_packed_as_far_as_it_goes)
{
    static unsigned char bytes[FILE_MOST];
    static struct trace_record a[EVENTS + 1], b[EVENTS + 1];
    uint64_t cut = 0;
    char why[256] = "";
    plain_make();
    size_t n = file_read(plain, bytes);
    file_write(plain, bytes, n * 2 / 3);
    cr_assert_eq(pack(&cut, why, sizeof why), 0, "%s", why);
    cr_assert_gt(cut, 0);
    size_t events = records_read(plain, a);
    cr_assert(events > 0 && events < EVENTS);
    cr_assert_eq(records_read(packed, b), events);
    cr_assert(memcmp(a, b, sizeof *a * events) == 0);
}

/* -- what no packer makes -------------------------------------------------------------------- */

/* A front of one event, what it says of the length, and a stream. */
static size_t hostile_put(unsigned char *to, uint64_t length, const void *events, size_t n,
                          size_t more)
{
    unsigned char *at = to;
    uLongf deflated = 4096;
    for (int i = 0; i < 5; i++)
        at = weir__put_varint(at, 1);
    at = weir__put_varint(at, length);
    cr_assert_eq(compress2(at, &deflated, events, n, 9), Z_OK);
    memset(at + deflated, 0, more);
    return (size_t)(at - to) + deflated + more;
}

Test(trace_pack, hostile_payloads_are_no_events)
{
    static unsigned char zeros[1 << 20];
    unsigned char bytes[8192];
    size_t length = 0, n = hostile_put(bytes, 100, zeros, 100, 0);
    unsigned char *made = trace_unpack(bytes, n, &length);
    cr_assert(made && length == 105);
    free(made);
    for (size_t i = 0; i < n; i++)
        cr_assert_null(trace_unpack(bytes, i, &length), "cut at %zu", i);
    const struct {
        uint64_t length;
        size_t n, more;
    } bad[] = {{99, 100, 0},     {101, 100, 0},       {0, 100, 0},
               {100, 100, 1},    {UINT64_MAX, 10, 0}, {(1 << 24) + 1, 10, 0},
               {1 << 24, 10, 0}, {1 << 20, 100, 0},   {(1 << 20) - 1, 1 << 20, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        n = hostile_put(bytes, bad[i].length, zeros, bad[i].n, bad[i].more);
        cr_assert_null(trace_unpack(bytes, n, &length), "%zu", i);
    }
    n = hostile_put(bytes, 100, zeros, 100, 0);
    bytes[n - 1] ^= 1; /* zlib's own sum */
    cr_assert_null(trace_unpack(bytes, n, &length));
}

/* Its CRC is right: the strict reader says what is wrong, the other passes over it. */
Test(trace_pack, a_stream_that_is_none_is_damage)
{
    static unsigned char bytes[4096], zeros[100];
    struct trace_info info;
    struct trace_replay replay = {0};
    struct writer w;
    writer_begin(&w, packed, "program", 0, 0);
    writer_allocate(&w, 1, 1001, 0x1000, 10, 0, 0);
    writer_flush(&w);
    size_t n = hostile_put(bytes, 50, zeros, 100, 0);
    writer_record(&w, WEIR__TRACE_EVTZ, bytes, n);
    writer_end(&w, true);
    cr_assert_eq(trace_info_open(&info, packed), 0, "%s", info.why);
    cr_assert_eq(trace_replay_run(&replay, &info, NULL, NULL), EINVAL);
    cr_assert_not_null(strstr(info.why, "cannot be unpacked"), "%s", info.why);
    trace_replay_end(&replay);
    trace_info_close(&info);
    cr_assert_eq(trace_info_open_tolerant(&info, packed), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(trace_replay_run(&replay, &info, NULL, NULL), 0);
        cr_assert_eq(replay.events, 1);
        cr_assert_eq(info.damage.places, 1);
        cr_assert(trace_replay_is_damaged(&replay));
        trace_replay_end(&replay);
    }
    trace_info_close(&info);
}
