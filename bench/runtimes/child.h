/*
 * bench/runtimes/child.h - what the benchmarks of runtimes share: clock, faults and memory of this
 * process, and a child process for each allocator, which answers through shared memory, because
 * a runtime takes one allocator a process. Knows no runtime. One thread.
 */
#ifndef WEIR_BENCH_RUNTIMES_CHILD_H
#define WEIR_BENCH_RUNTIMES_CHILD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

double child_now_ms(void);

/* Minor page faults so far. */
long child_faults(void);

/* A line of /proc/self/status: "VmHWM:", "VmRSS:"; -1: there is none. */
long child_status_kib(const char *key);

/* FNV-1a, continued from `hash`. */
#define CHILD_HASH_START 0xcbf29ce484222325u
uint64_t child_hash(uint64_t hash, const void *data, size_t size);

/* In the child; what it returns is the child's exit status. */
typedef int child_work(void *user, void *answer);

/* The answer, `size` bytes that are zero at first, after `work` has run in a child; *status is that
 * of the child. NULL: it did not come to an end, and a line says so of `program` with `allocator`.
 * The answer stays until the process ends. */
void *child_ask(const char *program, const char *allocator, size_t size, child_work *work,
                void *user, int *status);

#ifdef __cplusplus
}
#endif
#endif
