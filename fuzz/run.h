/* fuzz/run.h - what a fuzzing engine and the driver call. */
#ifndef WEIR_FUZZ_RUN_H
#define WEIR_FUZZ_RUN_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
