/*
 * fuzz/trace_binary.c - the reader of binary traces (docs/trace-format.md) on any bytes, as they
 * are and with sums that fit (no fuzzer finds a CRC): strict and tolerant. Whatever is read
 * strictly is a trace as load.h says, and the tolerant reader finds nothing wrong with it.
 */
#include "fuzz/memory_file.h"
#include "fuzz/trace_check.h"
#include "observe/bytes.h"
#include "observe/crc32.h"
#include "observe/format.h"
#include "tools/trace/binary.h"
#include "tools/trace/replay.h"

static uint32_t word_get(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Puts the right CRC on every record that is whole. The last may be longer than what is there: it
 * is cut to that. */
static void sums_mend(uint8_t *data, size_t size)
{
    if (size < WEIR__TRACE_PREAMBLE)
        return;
    memcpy(data, WEIR__TRACE_MAGIC, 8); /* NOLINT(bugprone-not-null-terminated-result): no text */
    for (size_t at = WEIR__TRACE_PREAMBLE; size - at >= WEIR__TRACE_RECORD;) {
        uint32_t length = word_get(data + at + 4),
                 most = (uint32_t)(size - at - WEIR__TRACE_RECORD);
        if (length > most) {
            length %= most + 1;
            memcpy(data + at + 4, &length, sizeof length);
        }
        uint32_t sum = weir__crc32(0, data + at, 8);
        sum = weir__crc32(sum, data + at + WEIR__TRACE_RECORD, length);
        memcpy(data + at + 8, &sum, sizeof sum);
        at += WEIR__TRACE_RECORD + length;
    }
}

static int strict_read(const char *path)
{
    struct trace trace;
    char why[512] = "";
    int error = trace_load_binary(path, &trace, why, sizeof why);
    FUZZ_EXPECT(!error || *why);
    FUZZ_EXPECT(!error || !strchr(why, '\n'));
    if (!error) {
        trace_check(&trace);
        trace_free(&trace);
    }
    return error;
}

static void tolerant_read(const char *path, int strict)
{
    struct trace_info info;
    struct trace_replay replay = {0};
    int error = trace_info_open_tolerant(&info, path);
    FUZZ_EXPECT(strict || !error);
    FUZZ_EXPECT(!error || *info.why);
    if (!error) {
        error = trace_replay_run(&replay, &info, NULL, NULL);
        FUZZ_EXPECT(strict || (!error && !info.damage.places));
        trace_replay_end(&replay);
    }
    trace_info_close(&info);
}

static int both_read(const uint8_t *data, size_t size)
{
    const char *path = memory_file(data, size);
    int error = strict_read(path);
    tolerant_read(path, error);
    return !error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int accepted = both_read(data, size);
    uint8_t *mended = malloc(size + 1);
    if (!mended)
        exit(77);
    memcpy(mended, data, size);
    sums_mend(mended, size);
    accepted |= both_read(mended, size);
    free(mended);
    return accepted;
}
