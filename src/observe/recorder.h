/*
 * observe/recorder.h - the records that describe the process, written once; and the
 * recording that `weir run` reads out of shared memory (observe/trace_ring.c), which has a
 * start and no end: what is in the memory when the process is gone is all of it.
 */
#ifndef WEIR_OBSERVE_RECORDER_H
#define WEIR_OBSERVE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/trace.h>

/* HEAD. False: not written. `command` NULL: the system is asked. `stacks_from`: observe/stacks.h.
 */
bool weir__recorder_head(const char *root_name, int pid, const char *command, uint64_t stacks_from);

/* This instant: ticks, then nanoseconds. */
unsigned char *weir__recorder_put_now(unsigned char *at);

/* The memory was attached (weir__trace_ring_attach); once, before there are threads. */
void weir__recorder_outside_start(int pid, const char *command, uint64_t stacks_from);

/* In a forked child: first, when no lock may be taken, away from the parent's chunks; then,
 * with the child's own image attached, its own recording. It does not list what it
 * inherited: every free tells the size of its block. */
void weir__recorder_outside_cut(void);
void weir__recorder_outside_forked(int pid, const char *command);

/* weir_trace_mark. libweir-malloc.so has that name for something more (preload/mark.c). */
int weir__recorder_mark(weir_mark kind, const char *name, bool begin);

/* The process comes to its exit: the mark "exit" begins, once, where something is recorded. What
 * is freed from here on is teardown. Not of a process whose exit is called where weir was
 * interrupted. */
void weir__recorder_exit(void);

/* Somebody calls it when exit begins: no handler is needed, which would come after those that the
 * program adds later. Set before the first recording. */
extern bool weir__recorder_exit_is_seen;

#endif
