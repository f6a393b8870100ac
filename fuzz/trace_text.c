/*
 * fuzz/trace_text.c - the reader of traces as text (bench/traces/README.md) on any bytes: refused
 * in one line, or a trace that holds what tools/trace/load.h says of one.
 */
#include "fuzz/memory_file.h"
#include "fuzz/trace_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace trace;
    char why[512] = "";
    int error = trace_load(memory_file(data, size), &trace, why, sizeof why);
    FUZZ_EXPECT(!error || *why);
    FUZZ_EXPECT(!error || !strchr(why, '\n'));
    if (error)
        return 0;
    trace_check(&trace);
    trace_free(&trace);
    return 1;
}
