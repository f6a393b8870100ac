/* The tolerant reader: of a damaged or cut recording everything good is there, what is missing
 * is counted, and nothing is called complete. Files are made by the recorder and then changed,
 * or written here from docs/internals/trace-format.md. */
#include "../helpers/scratch.h"
#include "../helpers/suite.h"
#include "observe/bytes.h"
#include "observe/crc32.h"
#include "observe/format.h"
#include "tools/trace/binary.h"
#include "tools/trace/replay.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

#define FILE_MOST    ((size_t)1 << 20)
#define RECORDS_MOST 4096

static char path[SCRATCH_PATH_MAX];

static void path_make(void)
{
    scratch_path(path, "unit-trace-damage.trace");
}

static void path_remove(void)
{
    weir_trace_stop();
    unlink(path);
}

TestSuite(trace_damage, .init = path_make, .fini = path_remove);

/* -- a file and its records -------------------------------------------------------------------- */

struct record {
    size_t at, end;
    uint32_t type;
    uint64_t events;
};

static unsigned char whole[FILE_MOST], changed[FILE_MOST];
static size_t whole_size;
static struct record records[RECORDS_MOST];
static size_t nrecords;
static uint64_t all_events;

static uint32_t word_get(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

static uint64_t varint_get(const unsigned char **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint64_t byte = *(*at)++;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

static void records_find(void)
{
    nrecords = 0;
    all_events = 0;
    for (size_t at = WEIR__TRACE_PREAMBLE; at < whole_size;) {
        struct record *r = &records[nrecords++];
        const unsigned char *payload = whole + at + WEIR__TRACE_RECORD;
        *r = (struct record){.at = at, .type = word_get(whole + at)};
        at += WEIR__TRACE_RECORD + word_get(whole + at + 4);
        r->end = at;
        for (int i = 0; r->type == WEIR__TRACE_EVTS && i < 5; i++)
            r->events = varint_get(&payload);
        all_events += r->events;
    }
}

static void file_load(void)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    whole_size = fread(whole, 1, sizeof whole, file);
    fclose(file);
    cr_assert_lt(whole_size, sizeof whole);
    records_find();
}

static void file_write(const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* With the right CRC for what is in the record now. */
static void crc_put(unsigned char *record)
{
    uint32_t crc = weir__crc32(0, record, 8);
    crc = weir__crc32(crc, record + WEIR__TRACE_RECORD, word_get(record + 4));
    memcpy(record + 8, &crc, 4);
}

/* -- recordings ---------------------------------------------------------------------- */

static void *work(void *user)
{
    weir_allocator *a = user;
    void *blocks[16] = {0};
    uint32_t random = 5;
    for (int i = 0; i < 500; i++) {
        random = random * 1664525 + 1013904223;
        size_t k = (random >> 8) % 16;
        weir_deallocate(a, blocks[k]);
        blocks[k] = i % 7 ? weir_allocate(a, (random >> 12) % 3000) : NULL;
    }
    for (int k = 0; k < 16; k++)
        weir_deallocate(a, blocks[k]);
    return NULL;
}

/* Some records of events, of several threads, one after the other. */
static void recording_make(void)
{
    weir_allocator *cpu = weir_cpu_allocator();
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    weir_trace_mark(WEIR_MARK_RUN, "run", true);
    for (int i = 0; i < 6; i++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, work, cpu), 0);
        pthread_join(thread, NULL);
    }
    work(cpu);
    cr_assert_eq(weir_trace_stop(), 0, "%s", weir_last_error());
    file_load();
    size_t chunks = 0;
    for (size_t i = 0; i < nrecords; i++)
        chunks += records[i].events > 0;
    cr_assert_geq(chunks, 3);
}

struct seen {
    int error;
    bool complete, verified, damaged;
    uint64_t events, missing, expected, total;
    struct trace_damage damage;
    uint64_t strays, cut, unlisted_bytes, unlisted_blocks;
};

static struct seen file_see(bool tolerant)
{
    struct trace_info info;
    struct trace_replay replay = {0};
    int error = tolerant ? trace_info_open_tolerant(&info, path) : trace_info_open(&info, path);
    if (!error)
        error = trace_replay_run(&replay, &info, NULL, NULL);
    if (error)
        cr_assert_gt(strlen(info.why), 0);
    struct seen seen = {.error = error};
    if (!error)
        seen = (struct seen){.complete = trace_replay_is_complete(&replay),
                             .verified = replay.verified,
                             .damaged = trace_replay_is_damaged(&replay),
                             .events = replay.events,
                             .missing = trace_replay_missing(&replay),
                             .expected = trace_info_last(&info, replay.last),
                             .total = replay.total,
                             .damage = info.damage,
                             .strays = replay.strays,
                             .cut = info.cut,
                             .unlisted_bytes = (uint64_t)replay.unlisted_bytes,
                             .unlisted_blocks = (uint64_t)replay.unlisted_blocks};
    trace_replay_end(&replay);
    trace_info_close(&info);
    return seen;
}

static struct seen bytes_see(const unsigned char *bytes, size_t size)
{
    file_write(bytes, size);
    return file_see(true);
}

/* That nothing is taken for whole, and so many events of all are there. */
static void damage_expect(struct seen seen, uint64_t events, const char *what, size_t at)
{
    cr_assert_eq(seen.error, 0, "%s %zu: error %d", what, at, seen.error);
    cr_assert(!seen.complete && !seen.verified && seen.damaged, "%s %zu", what, at);
    cr_assert_eq(seen.events, events, "%s %zu: %zu events, not %zu", what, at, (size_t)seen.events,
                 (size_t)events);
    cr_assert_eq(seen.expected, all_events);
    cr_assert_eq(seen.missing, all_events - events);
}

/* -- damage ---------------------------------------------------------------------- */

Test(trace_damage, none_is_complete)
{
    recording_make();
    struct seen seen = file_see(true);
    cr_assert(seen.complete && seen.verified && !seen.damaged);
    cr_assert_eq(seen.events, all_events);
    cr_assert_eq(seen.missing, 0);
}

Test(trace_damage, cut_anywhere_shows_the_good_prefix)
{
    recording_make();
    size_t step = getenv("WEIR_TEST_SLOW") ? 997 : 53;
    for (size_t cut = 0, next = 0; cut < whole_size; cut = next) {
        uint64_t good = 0;
        next = cut + step;
        for (size_t i = 0; i < nrecords; i++) {
            good += records[i].end <= cut ? records[i].events : 0;
            if (records[i].end > cut && records[i].end < next) /* at each end of a record too */
                next = records[i].end;
        }
        struct seen seen = bytes_see(whole, cut);
        if (cut < records[0].end) { /* nothing is good but, perhaps, the preamble */
            cr_assert_eq(seen.error, cut < 16 ? EINVAL : 0, "cut at %zu", cut);
            cr_assert(!seen.complete && !seen.verified && seen.events == 0);
            continue;
        }
        cr_assert_eq(seen.error, 0, "cut at %zu", cut);
        cr_assert_eq(seen.events, good, "cut at %zu", cut);
        cr_assert(!seen.complete && !seen.verified && !seen.damaged, "cut at %zu", cut);
        cr_assert_geq(seen.expected, good);
        cr_assert_eq(seen.missing, seen.expected - good);
        cr_assert_eq(file_see(false).error, 0);
    }
}

static const struct record *record_of(size_t at)
{
    size_t i = 0;
    while (records[i].end <= at)
        i++;
    return &records[i];
}

Test(trace_damage, one_byte_changed_loses_its_record_alone)
{
    recording_make();
    size_t step = getenv("WEIR_TEST_SLOW") ? 997 : 61;
    memcpy(changed, whole, whole_size);
    for (size_t at = WEIR__TRACE_PREAMBLE, next; at < whole_size; at = next) {
        const struct record *r = record_of(at);
        bool front = at - r->at < WEIR__TRACE_RECORD;
        next = front || r->end - r->at < 1000 || at + step >= r->end ? at + 1 : at + step;
        changed[at] ^= (unsigned char)(1u << at % 8);
        struct seen seen = bytes_see(changed, whole_size);
        if (r->type == WEIR__TRACE_FOOT) {
            cr_assert_eq(seen.error, 0);
            cr_assert(!seen.complete && !seen.verified);
            cr_assert_eq(seen.events, all_events);
        } else {
            damage_expect(seen, all_events - r->events, "byte", at);
            cr_assert_eq(seen.damage.places, 1);
            cr_assert_eq(seen.damage.first, r->at);
            cr_assert_eq(seen.damage.bytes, r->end - r->at);
            cr_assert_eq(file_see(false).error, EINVAL, "byte %zu", at);
        }
        changed[at] = whole[at];
    }
}

Test(trace_damage, a_changed_beginning_is_no_trace)
{
    recording_make();
    for (size_t at = 0; at < 10; at++) {
        whole[at] ^= 4;
        cr_assert_eq(bytes_see(whole, whole_size).error, EINVAL);
        whole[at] ^= 4;
    }
}

Test(trace_damage, in_two_places_is_counted_twice)
{
    recording_make();
    for (size_t i = 0; i < nrecords; i++)
        for (size_t j = i + 2; j < nrecords; j++) {
            if (records[j].type == WEIR__TRACE_FOOT || !records[i].events)
                continue;
            memcpy(changed, whole, whole_size);
            changed[records[i].end - 1] ^= 1;
            changed[records[j].at + 9] ^= 0x80;
            struct seen seen = bytes_see(changed, whole_size);
            damage_expect(seen, all_events - records[i].events - records[j].events, "record", j);
            cr_assert_eq(seen.damage.places, 2);
            cr_assert_eq(seen.damage.first, records[i].at);
            cr_assert_str_eq(seen.damage.how, "wrong CRC");
            cr_assert_eq(seen.damage.bytes,
                         records[i].end - records[i].at + records[j].end - records[j].at);
        }
}

/* A wrong length may lead into the middle of a record, to another's beginning, or out of the
 * file. */
Test(trace_damage, of_lengths_is_found_out)
{
    recording_make();
    for (size_t i = 0; i + 1 < nrecords; i++) {
        uint32_t length = word_get(whole + records[i].at + 4);
        uint32_t wrong[] = {0,          1,        length - 1, length + 1, 1u << 24, (1u << 24) + 1,
                            UINT32_MAX, 1u << 20, 0};
        size_t far = i + 3 < nrecords ? i + 3 : nrecords - 1;
        wrong[8] = (uint32_t)(records[far].at - records[i].at - WEIR__TRACE_RECORD);
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            if (wrong[k] == length)
                continue;
            memcpy(changed, whole, whole_size);
            memcpy(changed + records[i].at + 4, &wrong[k], 4);
            damage_expect(bytes_see(changed, whole_size), all_events - records[i].events,
                          "length of record", i);
        }
    }
}

Test(trace_damage, a_hole_of_zeros_loses_what_it_touches)
{
    recording_make();
    for (size_t at = records[2].at; at + 5000 < records[nrecords - 1].at; at += 1777) {
        uint64_t good = 0;
        for (size_t i = 0; i < nrecords; i++)
            good += records[i].end <= at || records[i].at >= at + 5000 ? records[i].events : 0;
        memcpy(changed, whole, whole_size);
        memset(changed + at, 0, 5000);
        damage_expect(bytes_see(changed, whole_size), good, "hole", at);
    }
}

Test(trace_damage, a_record_gone_without_a_trace_is_missed)
{
    recording_make();
    for (size_t i = 0; i < nrecords; i++) {
        if (!records[i].events)
            continue;
        size_t length = records[i].end - records[i].at;
        memcpy(changed, whole, records[i].at);
        memcpy(changed + records[i].at, whole + records[i].end, whole_size - records[i].end);
        damage_expect(bytes_see(changed, whole_size - length), all_events - records[i].events,
                      "record", i);
        cr_assert_eq(file_see(false).error, EINVAL);
    }
}

Test(trace_damage, events_that_come_twice_are_left_out)
{
    recording_make();
    for (size_t i = 0; i < nrecords; i++) {
        if (!records[i].events)
            continue;
        size_t length = records[i].end - records[i].at;
        memcpy(changed, whole, records[i].end);
        memcpy(changed + records[i].end, whole + records[i].at, whole_size - records[i].at);
        struct seen seen = bytes_see(changed, whole_size + length);
        damage_expect(seen, all_events, "record", i);
        cr_assert_eq(seen.strays, records[i].events);
        cr_assert_eq(file_see(false).error, EINVAL);
    }
}

/* A right CRC over events that are none: the good ones before them are there, at each reading. */
Test(trace_damage, a_record_ends_at_its_last_good_event)
{
    recording_make();
    size_t i = 0;
    while (records[i].events < 100)
        i++;
    memcpy(changed, whole, whole_size);
    size_t middle = (records[i].at + WEIR__TRACE_RECORD + records[i].end) / 2;
    memset(changed + middle, 0, records[i].end - middle);
    crc_put(changed + records[i].at);
    struct seen seen = bytes_see(changed, whole_size);
    cr_assert_gt(seen.events, all_events - records[i].events + 10);
    damage_expect(seen, seen.events, "record", i);
    cr_assert_eq(seen.damage.places, 1);
    cr_assert(seen.damage.first > records[i].at && seen.damage.first <= middle + 8);
    cr_assert_eq(seen.damage.bytes, records[i].end - seen.damage.first);
    cr_assert_eq(file_see(false).error, EINVAL);
    struct trace_info info;
    struct trace_replay replay = {0};
    cr_assert_eq(trace_info_open_tolerant(&info, path), 0);
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(trace_replay_run(&replay, &info, NULL, NULL), 0);
        cr_assert_eq(replay.events, seen.events);
        cr_assert_eq(info.damage.places, 1);
        trace_replay_end(&replay);
    }
    trace_info_close(&info);
}

/* Parent and child in one file, or a file not emptied: the second footer is not the first's. */
Test(trace_damage, another_recording_is_not_taken_for_the_rest)
{
    recording_make();
    struct record foot = records[nrecords - 1];
    for (int with = 0; with < 4; with++) {
        size_t from = with & 1 ? 0 : WEIR__TRACE_PREAMBLE, until = with & 2 ? foot.at : whole_size;
        memcpy(changed, whole, until);
        memcpy(changed + until, whole + from, whole_size - from);
        struct seen seen = bytes_see(changed, until + whole_size - from);
        cr_assert_eq(seen.error, 0);
        cr_assert(!seen.complete && !seen.verified && seen.damaged);
        cr_assert_eq(seen.events, all_events);
        cr_assert_eq(seen.damage.bytes, whole_size - from);
        cr_assert_eq(seen.damage.places, 1);
        cr_assert_eq(seen.damage.first, until);
        cr_assert_str_eq(seen.damage.how, "another recording begins");
        cr_assert_eq(file_see(false).error, EINVAL);
    }
}

Test(trace_damage, records_of_a_thread_may_stand_in_any_order)
{
    recording_make();
    size_t at = WEIR__TRACE_PREAMBLE;
    memcpy(changed, whole, at);
    for (int pass = 0; pass < 2; pass++) /* the others, then the events, the last first */
        for (size_t i = 0; i < nrecords; i++) {
            const struct record *r = pass ? &records[nrecords - 1 - i] : &records[i];
            if ((r->events > 0) != pass)
                continue;
            memcpy(changed + at, whole + r->at, r->end - r->at);
            at += r->end - r->at;
        }
    file_write(changed, at);
    struct seen seen = file_see(false);
    cr_assert_eq(seen.error, 0);
    cr_assert(seen.complete && seen.verified);
    cr_assert_eq(seen.events, all_events);
}

/* -- files from the format's text alone -------------------------------------------------------- */

static unsigned char *made_at;

static void made_begin(void)
{
    memset(changed, 0, WEIR__TRACE_PREAMBLE);
    memcpy(changed, WEIR__TRACE_MAGIC, sizeof WEIR__TRACE_MAGIC - 1);
    changed[8] = WEIR__TRACE_MAJOR;
    changed[10] = WEIR__TRACE_MINOR;
    made_at = changed + WEIR__TRACE_PREAMBLE;
}

static void made_record(uint32_t type, const unsigned char *payload, size_t n)
{
    uint32_t length = (uint32_t)n;
    memcpy(made_at, &type, 4);
    memcpy(made_at + 4, &length, 4);
    memcpy(made_at + WEIR__TRACE_RECORD, payload, n);
    crc_put(made_at);
    made_at += WEIR__TRACE_RECORD + n;
}

static void made_numbers(uint32_t type, const uint64_t *numbers, size_t n)
{
    unsigned char payload[512], *at = payload;
    for (size_t i = 0; i < n; i++)
        at = weir__put_varint(at, numbers[i]);
    made_record(type, payload, (size_t)(at - payload));
}

#define NUMBERS(type, ...)                                                                         \
    made_numbers(type, (const uint64_t[]){__VA_ARGS__},                                            \
                 sizeof(const uint64_t[]){__VA_ARGS__} / sizeof(uint64_t))

/* Numbers that follow one another, addresses in full, shapes in full: slot 0. */
static unsigned char *event_put(unsigned char *at, unsigned kind, uint64_t from, uint64_t to,
                                uint64_t size)
{
    *at++ = (unsigned char)(kind | WEIR__TRACE_SHAPE | WEIR__TRACE_ADDRESS | WEIR__TRACE_UNALIGNED);
    at = weir__put_svarint(at, (int64_t)(to - from));
    if (kind == WEIR__TRACE_FREE)
        return weir__put_varint(at, size);
    *at++ = 0;
    for (int i = 0; i < 5; i++) /* requested, more usable, alignment, context, tag */
        at = weir__put_varint(at, i == 0 ? size : i == 3);
    return at;
}

/* A child: 1000 bytes in 5 blocks inherited, of which 600 in one are freed, one of 100 grows to
 * 250, and one of 200 goes with its context. `lost`: of the footer's events so many are not
 * there, `under_way` of them because their calls had not returned. */
static void child_make(uint64_t lost, uint64_t under_way)
{
    static const unsigned char head[] = "\x07\0\0\0\1c\1v\4root\1", context[] = "\1\0\0\3cpu\0";
    unsigned char events[256], *at = events;
    made_begin();
    made_record(WEIR__TRACE_HEAD, head, sizeof head - 1);
    NUMBERS(WEIR__TRACE_STRT, 1000, 5, 4096);
    made_record(WEIR__TRACE_CTXN, context, sizeof context - 1);
    for (int i = 0; i < 5; i++) /* thread, tid, number, ticks, count */
        at = weir__put_varint(at, i == 4 ? 5 : i < 2);
    at = event_put(at, WEIR__TRACE_ALLOCATE, 0, 0x5000, 50);
    at = event_put(at, WEIR__TRACE_FREE, 0x5000, 0x6000, 600);
    *at++ = WEIR__TRACE_NOTE_BEFORE << WEIR__TRACE_SUB_SHIFT;
    *at++ = 1;
    *at++ = 100;
    at = event_put(at, WEIR__TRACE_RESIZE, 0x6000, 0x7000, 250);
    *at++ = WEIR__TRACE_DESTROYED << WEIR__TRACE_SUB_SHIFT;
    memcpy(at, "\0\0\4\2\xc8\1\1", 7); /* context 2: 200 bytes in a block */
    at += 7;
    at = event_put(at, WEIR__TRACE_ALLOCATE, 0x7000, 0x6000, 700);
    made_record(WEIR__TRACE_EVTS, events, (size_t)(at - events));
    NUMBERS(WEIR__TRACE_FOOT, 5 + lost, 2, 2, 1100, 5, 1100, 5, lost, 0, 1, 1, 4096, under_way);
    file_write(changed, (size_t)(made_at - changed));
}

Test(trace_damage, what_a_child_inherited_is_known_in_sum)
{
    child_make(0, 0);
    struct seen seen = file_see(false);
    cr_assert_eq(seen.error, 0);
    cr_assert(seen.complete && seen.verified);
    cr_assert_eq(seen.total, 1100);
    cr_assert_eq(seen.unlisted_bytes, 100); /* 1000 - 600 - 100 - 200 */
    cr_assert_eq(seen.unlisted_blocks, 2);
    struct trace trace;
    char why[256];
    cr_assert_eq(trace_load_binary(path, &trace, why, sizeof why), 0, "%s", why);
    cr_assert_eq(trace.nblocks, 4); /* two inherited, made up at the start; two of its own */
    cr_assert_eq(trace.peak_live, 1000);
    trace_free(&trace);
}

Test(trace_damage, calls_under_way_at_the_end_are_not_missing_events)
{
    child_make(2, 2);
    struct seen seen = file_see(true);
    cr_assert_eq(seen.error, 0);
    cr_assert(seen.complete && seen.verified && !seen.damaged);
    cr_assert_eq(seen.missing, 2);
    child_make(2, 1);
    seen = file_see(true);
    cr_assert_eq(seen.error, 0);
    cr_assert(!seen.complete && !seen.verified && !seen.damaged);
    cr_assert_eq(file_see(false).error, 0);
}

/* Files of version 1.0 have no such number. */
Test(trace_damage, a_footer_may_end_before_what_is_under_way)
{
    child_make(0, 0);
    size_t size = (size_t)(made_at - changed), foot = size;
    while (word_get(changed + foot) != WEIR__TRACE_FOOT)
        foot--;
    changed[foot + 4]--;
    crc_put(changed + foot);
    file_write(changed, size - 1);
    struct seen seen = file_see(false);
    cr_assert_eq(seen.error, 0);
    cr_assert(seen.complete && seen.verified);
}

static unsigned char *move_put(unsigned char *at, uint64_t address, uint64_t from, uint64_t before,
                               uint64_t to, uint64_t size)
{
    *at++ = WEIR__TRACE_NOTE_BEFORE << WEIR__TRACE_SUB_SHIFT;
    *at++ = 1;
    *at++ = (unsigned char)before;
    at = event_put(at, WEIR__TRACE_MOVE, address, to, size);
    return weir__put_svarint(at, (int64_t)(from - to));
}

static unsigned char *base_put(unsigned char *at, int64_t step, unsigned char size)
{
    at = weir__put_svarint(at, step);
    memcpy(at, (unsigned char[]){size, size, 1, 0}, 4);
    return at + 4;
}

/* Two blocks of 100 and of 50 live at the start; the list saw the first at 0x1000 and again where
 * it moves to, 0x2000, and did not see the second. Both move; a third takes the first's place. */
static void moves_make(unsigned minor, unsigned char strange)
{
    static const unsigned char head[] = "\x07\0\0\0\1c\1v\4root\1", context[] = "\1\0\0\3cpu\0";
    unsigned char events[256], *at = events;
    made_begin();
    changed[10] = (unsigned char)minor;
    made_record(WEIR__TRACE_HEAD, head, sizeof head - 1);
    NUMBERS(WEIR__TRACE_STRT, 150, 2, 4096);
    made_record(WEIR__TRACE_CTXN, context, sizeof context - 1);
    *at++ = 2;
    at = base_put(base_put(at, 0x1000, 100), 0x1000, 110);
    made_record(WEIR__TRACE_BASE, events, (size_t)(at - events));
    at = events;
    for (int i = 0; i < 5; i++)
        at = weir__put_varint(at, i == 4 ? 4 : i < 2);
    at = move_put(at, 0, 0x1000, 100, 0x2000, 110);
    at = move_put(at, 0x2000, 0x3000, 50, 0x4008, 70);
    at = event_put(at, WEIR__TRACE_ALLOCATE, 0x4008, 0x1000, 40);
    *at = WEIR__TRACE_FREE | WEIR__TRACE_ADDRESS | WEIR__TRACE_UNALIGNED | strange;
    at = weir__put_svarint(at + 1, 0x4008 - 0x1000);
    made_record(WEIR__TRACE_EVTS, events, (size_t)(at - events));
    NUMBERS(WEIR__TRACE_FOOT, 4, 1, 1, 150, 2, 220, 3, 0, 0, 1, 1, 4096, 0);
    file_write(changed, (size_t)(made_at - changed));
}

Test(trace_damage, a_block_of_the_start_that_moves_is_one_block)
{
    moves_make(WEIR__TRACE_MINOR, 0);
    struct seen seen = file_see(false);
    cr_assert_eq(seen.error, 0);
    cr_assert(seen.complete && seen.verified);
    cr_assert_eq(seen.total, 150);
    cr_assert_eq(seen.unlisted_blocks, 0);
    cr_assert_eq(seen.unlisted_bytes, 0);
    struct trace trace;
    char why[256];
    cr_assert_eq(trace_load_binary(path, &trace, why, sizeof why), 0, "%s", why);
    cr_assert_eq(trace.nblocks, 3);
    cr_assert_eq(trace.peak_live, 220);
    trace_free(&trace);
}

/* No block lives at 0; the strict reader says so, the other goes on. */
Test(trace_damage, an_event_without_an_address_is_strange)
{
    static const unsigned char head[] = "\x07\0\0\0\1c\1v\4root\1";
    unsigned char events[256], *at = events;
    made_begin();
    made_record(WEIR__TRACE_HEAD, head, sizeof head - 1);
    NUMBERS(WEIR__TRACE_STRT, 0, 0, 4096);
    for (int i = 0; i < 5; i++)
        at = weir__put_varint(at, i == 4 ? 3 : i < 2);
    at = event_put(at, WEIR__TRACE_ALLOCATE, 0, 0, 50);
    at = event_put(at, WEIR__TRACE_ALLOCATE, 0, 0, 60);
    at = event_put(at, WEIR__TRACE_FREE, 0, 0, 50);
    made_record(WEIR__TRACE_EVTS, events, (size_t)(at - events));
    NUMBERS(WEIR__TRACE_FOOT, 3, 2, 1, 60, 1, 110, 2, 0, 0, 1, 1, 4096, 0);
    file_write(changed, (size_t)(made_at - changed));
    cr_assert_eq(file_see(false).error, EINVAL);
    struct seen seen = file_see(true);
    cr_assert_eq(seen.error, 0);
    cr_assert(seen.damaged && !seen.verified);
    cr_assert_eq(seen.events, 3);
}

/* Its kinds of events may be unknown here; what is wrong is said with both versions. */
Test(trace_damage, a_file_of_a_newer_format_is_named)
{
    struct trace trace;
    char why[256];
    moves_make(WEIR__TRACE_MINOR + 1, 0);
    cr_assert_eq(file_see(false).error, 0);
    moves_make(WEIR__TRACE_MINOR + 1, 7);
    cr_assert_eq(trace_load_binary(path, &trace, why, sizeof why), EINVAL);
    char both[64];
    snprintf(both, sizeof both, "version 1.%u of the format, this weir reads 1.%u",
             WEIR__TRACE_MINOR + 1, WEIR__TRACE_MINOR);
    cr_assert_not_null(strstr(why, both), "%s", why);
    moves_make(WEIR__TRACE_MINOR, 7);
    cr_assert_eq(trace_load_binary(path, &trace, why, sizeof why), EINVAL);
    cr_assert_null(strstr(why, "version"), "%s", why);
}

/* Lost allocations: no sum falls below nothing. */
Test(trace_damage, sums_stay_above_nothing)
{
    recording_make();
    for (size_t i = 0; i < nrecords; i++)
        for (size_t j = i; j < nrecords && records[i].events; j++) {
            memcpy(changed, whole, whole_size);
            changed[records[i].at] ^= 1;
            changed[records[j].at] ^= 1;
            cr_assert_lt(bytes_see(changed, whole_size).total, 100000000);
        }
}

/* Records that seem to begin everywhere must not take for ever. */
Test(trace_damage, false_beginnings_end_the_search)
{
    size_t size = FILE_MOST;
    recording_make();
    memcpy(changed, whole, records[0].end);
    for (size_t at = records[0].end; at + 8 <= size; at += 8) {
        uint32_t type = WEIR__TRACE_EVTS, length = (uint32_t)((size - at) / 2);
        memcpy(changed + at, &type, 4);
        memcpy(changed + at + 4, &length, 4);
    }
    struct seen seen = bytes_see(changed, size);
    cr_assert_eq(seen.error, 0);
    cr_assert(seen.damaged && !seen.complete);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Contents changed, CRC put right: as a hostile file would have it. */
static void contents_change(uint32_t *random, unsigned most)
{
    memcpy(changed, whole, whole_size);
    for (size_t i = 0; i < nrecords; i++) {
        size_t from = records[i].at + WEIR__TRACE_RECORD, length = records[i].end - from;
        for (unsigned k = next_random(random) % (most + 1); length && k; k--)
            changed[from + next_random(random) % length] = (unsigned char)next_random(random);
        crc_put(changed + records[i].at);
    }
}

/* As weir trace and weir trace --text go through it. */
static int hostile_read(void)
{
    struct trace_info info;
    struct trace_replay first = {0}, peak = {0};
    struct trace trace = {0};
    int error = trace_info_open_tolerant(&info, path);
    if (!error)
        error = trace_replay_run(&first, &info, NULL, NULL);
    if (!error)
        error = trace_replay_until(&peak, &info, first.peak_number);
    if (!error)
        error = trace_load_replayed(&info, path, &trace);
    trace_free(&trace);
    trace_replay_end(&first);
    trace_replay_end(&peak);
    trace_info_close(&info);
    return error;
}

Test(trace_damage, hostile_contents_never_stop_the_tolerant_reader)
{
    recording_make();
    uint32_t random = 7;
    size_t rounds = getenv("WEIR_TEST_SLOW") ? 20 : 150;
    for (size_t round = 0; round < rounds; round++) {
        contents_change(&random, 1 + round % 4);
        file_write(changed, whole_size);
        int error = hostile_read();
        cr_assert(error == 0 || error == ENOMEM, "round %zu: error %d", round, error);
    }
}
