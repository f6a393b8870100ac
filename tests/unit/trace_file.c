/* The reader of recordings: files with changed bytes, cut ones and hostile ones, against what was
 * written; its checksum; and its load for a replay. */
#include "../helpers/recording.h"
#include "observe/crc32.h"
#include "tools/trace/binary.h"
#include "tools/trace/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static void path_make(void)
{
    scratch_path(path, "unit-trace-file.trace");
}

static void path_remove(void)
{
    weir_trace_stop();
    unlink(path);
}

TestSuite(trace_file, .init = path_make, .fini = path_remove);

static unsigned char *file_read(size_t *size)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    unsigned char *bytes = malloc(1 << 20);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void file_write(const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static int file_check(void)
{
    struct trace_info info;
    struct trace_replay replay = {0};
    int error = trace_info_open(&info, path);
    if (!error)
        error = trace_replay_run(&replay, &info, NULL, NULL);
    if (error)
        cr_assert_gt(strlen(info.why), 0);
    trace_done(&info, &replay);
    return error;
}

static void small_trace(void)
{
    start();
    weir_allocator *context = weir_allocator_create(NULL);
    weir_trace_mark(WEIR_MARK_RUN, "run", true);
    struct worker w = {context, 3, 200};
    work(&w);
    cr_assert_not_null(weir_allocate(context, 77));
    weir_allocator_destroy(context);
    weir_trace_mark(WEIR_MARK_RUN, "run", false);
    stop();
}

Test(trace_file, with_any_byte_changed_is_refused_or_the_same)
{
    small_trace();
    size_t size, accepted = 0, step = getenv("WEIR_TEST_SLOW") ? 23 : 1;
    unsigned char *bytes = file_read(&size);
    cr_assert_eq(file_check(), 0);
    for (size_t i = 0; i < size; i += step) {
        unsigned char kept = bytes[i];
        bytes[i] ^= (unsigned char)(1u << i % 8);
        file_write(bytes, size);
        int error = file_check();
        cr_assert(error == 0 || error == EINVAL);
        accepted += error == 0;
        bytes[i] = kept;
    }
    /* The minor version and the four bytes after it are for others; the last record's length
     * may run over the end of the file, as in a file cut short. */
    cr_assert_lt(accepted, 40, "%zu of %zu changes went unseen", accepted, size);
    free(bytes);
}

Test(trace_file, cut_anywhere_is_read_as_far_as_it_goes)
{
    small_trace();
    size_t size, step = getenv("WEIR_TEST_SLOW") ? 97 : 7;
    unsigned char *bytes = file_read(&size);
    for (size_t cut = 0; cut < size; cut += step) {
        file_write(bytes, cut);
        int error = file_check();
        if (cut > 1000)
            cr_assert_eq(error, 0, "cut at %zu of %zu", cut, size);
        else
            cr_assert(error == 0 || error == EINVAL);
    }
    free(bytes);
}

/* Payloads with a right CRC and wrong contents, as a hostile file would have. */
static uint32_t crc32_slow(const unsigned char *bytes, size_t n, uint32_t crc)
{
    crc = ~crc;
    while (n--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

Test(trace_file, the_checksum_is_the_standards_for_any_length_and_place)
{
    unsigned char bytes[1000];
    uint32_t random = 7;
    for (size_t i = 0; i < sizeof bytes; i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(random >> 24);
    }
    cr_assert_eq(weir__crc32(0, "123456789", 9), 0xcbf43926u);
    for (size_t n = 0; n <= sizeof bytes - 16; n++)
        for (size_t at = 0; at < 16; at += 5)
            cr_assert_eq(weir__crc32(random, bytes + at, n), crc32_slow(bytes + at, n, random),
                         "%zu bytes at %zu", n, at);
}

static uint32_t word_get(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

Test(trace_file, hostile_contents_never_crash_the_reader)
{
    small_trace();
    size_t size, rounds = getenv("WEIR_TEST_SLOW") ? 100 : 1000;
    unsigned char *bytes = file_read(&size), *changed = malloc(size);
    uint32_t random = 99;
    for (size_t round = 0; round < rounds; round++) {
        memcpy(changed, bytes, size);
        for (size_t at = 16; at + 12 <= size;) {
            uint32_t length = word_get(changed + at + 4);
            for (unsigned i = 0; length && i < 1 + round % 3; i++)
                if (next_random(&random) % 8 == 0)
                    changed[at + 12 + next_random(&random) % length] =
                        (unsigned char)next_random(&random);
            uint32_t crc = crc32_slow(changed + at, 8, 0);
            crc = crc32_slow(changed + at + 12, length, crc);
            memcpy(changed + at + 8, &crc, 4);
            at += 12 + length;
        }
        file_write(changed, size);
        int error = file_check();
        cr_assert(error == 0 || error == EINVAL || error == ENOMEM, "error %d", error);
    }
    free(changed);
    free(bytes);
}

Test(trace_file, is_loaded_for_a_replay)
{
    void *before = weir_allocate(weir_cpu_allocator(), 5000);
    start();
    weir_trace_mark(WEIR_MARK_RUN, "run1", true);
    work_alone(5000);
    void *survivor = weir_allocate(weir_cpu_allocator(), 100);
    weir_deallocate(weir_cpu_allocator(), before);
    stop();
    struct trace trace;
    char why[256];
    cr_assert_eq(trace_load_binary(path, &trace, why, sizeof why), 0, "%s", why);
    /* The contract of trace_load.h, checked here with sizes of our own. */
    uint64_t *sizes = calloc(trace.nblocks + 1, sizeof *sizes), total = 0, peak = 0;
    bool *live = calloc(trace.nblocks + 1, sizeof *live);
    uint32_t last = 0;
    for (size_t i = 0; i < trace.nevents; i++) {
        const struct trace_event *e = &trace.events[i];
        cr_assert(e->id > 0 && e->id <= trace.nblocks);
        cr_assert_lt(e->thread, trace.nthreads);
        if (e->kind == TRACE_ALLOCATE) {
            cr_assert_eq(e->id, ++last);
            cr_assert(e->align && !(e->align & (e->align - 1)));
            live[e->id] = true;
        } else {
            cr_assert(live[e->id]);
            live[e->id] = e->kind != TRACE_FREE;
        }
        total += e->size - sizes[e->id];
        sizes[e->id] = e->size;
        peak = total > peak ? total : peak;
    }
    cr_assert_eq(total, 0);
    cr_assert_eq(peak, trace.peak_live);
    cr_assert_eq(last, trace.nblocks);
    cr_assert_eq(trace.nmarks, 1);
    cr_assert_str_eq(trace.marks[0].name, "run1");
    free(sizes);
    free(live);
    trace_free(&trace);
    weir_deallocate(weir_cpu_allocator(), survivor);
    cr_assert_eq(trace_load_binary("/no/such/file", &trace, why, sizeof why), ENOENT);
    cr_assert_not_null(strstr(why, "/no/such/file"));
}
