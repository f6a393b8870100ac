/*
 * bench/harness/targets.h - what `weir bench` compares: weir in its forms, the C library's
 * malloc, other allocators found on the machine, `design`. Also where the traces
 * lie. Single-threaded; what is returned lives until the process ends.
 */
#ifndef WEIR_BENCH_HARNESS_TARGETS_H
#define WEIR_BENCH_HARNESS_TARGETS_H

#include "bench/harness/run.h"
#include "tools/common/options.h"

struct bench_targets {
    struct bench_target *list;
    size_t n;
    char missing[400];  /* "NAME (LIBRARY), ...", those not on this machine */
    char left_out[800]; /* "NAME (WHY), ...", those that serve nobody's malloc */
    size_t nleft_out;
};

/* weir, weir over its backing, weir over malloc, malloc, jemalloc, `design` (bench/loads/design.c).
 */
void targets_replay(struct bench_targets *targets);
/*
 * weir, glibc's malloc, every peer that is found, those of the folders and the named ones
 * ("NAME=PATH"); each takes the place of an earlier one of its name. Those whose malloc does not
 * serve a small program are left out, with a line on standard error. 0, or 2 after one line.
 */
int targets_peers(struct bench_targets *targets, const struct option_list *named,
                  const struct option_list *folders);
void targets_add(struct bench_targets *targets, const struct bench_target *target);

/*
 * The traces in these files and folders; with none given, those that came with weir: next to
 * the executable, in the source tree, in the installed data. Each can be loaded. 0, or 1 after one
 * line on standard error.
 */
int traces_find(struct option_list *traces, const struct option_list *given);

#endif
