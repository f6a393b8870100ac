/*
 * observe/explain.h - what a report of misuse says next to its line, where allocations are sampled
 * or recorded with stacks: where the block was allocated and freed, if samples know it
 * (observe/samples.h), and where the program is now. No state. Takes no lock of weir's but the
 * unwinder's, and the loader's for names (observe/frame.h); allocates nothing.
 */
#ifndef WEIR_OBSERVE_EXPLAIN_H
#define WEIR_OBSERVE_EXPLAIN_H

#include <weir/error.h>

/* weir__misuse_explainer (base/error.h). */
void weir__explain_misuse(weir_misuse what, const void *pointer);

#endif
