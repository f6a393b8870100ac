/* fuzz/plan.h - the entry that a fuzzing engine calls. */
#ifndef WEIR_FUZZ_PLAN_H
#define WEIR_FUZZ_PLAN_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
