/*
 * fuzz/trace_binary.c - the reader of binary traces (docs/trace-format.md) on any bytes, as they
 * are and with sums that fit (no fuzzer finds a CRC): strict and tolerant. Whatever is read
 * strictly is a trace as load.h says, and the tolerant reader finds nothing wrong with it.
 */
#include "fuzz/memory_file.h"
#include "fuzz/trace_check.h"
#include "fuzz/trace_sums.h"
#include "tools/trace/binary.h"
#include "tools/trace/replay.h"

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
