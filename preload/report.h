/*
 * preload/report.h - what this process writes of itself for `weir run`, in addition to the figures
 * that are always there: now and then, and at its end.
 */
#ifndef WEIR_PRELOAD_REPORT_H
#define WEIR_PRELOAD_REPORT_H

#include "base/program_file.h"
#include "observe/run_page.h"

/* Once, from the constructor, when the process has its image. */
void preload_report_start(void);

/* In a forked child: its own peak. */
void preload_report_forked(void);

/* Writes the figures as they are, in full, and that this process now ends or becomes
 * another program. Nothing in a child of vfork, which is in its parent's memory; from a
 * signal handler that interrupted the core, only the state. */
void preload_report_last(enum weir__run_state state);

/* The program in `file` will not carry this library: what this process becomes next (after
 * preload_report_last; the exec may still fail), or a child that it has just spawned. In a
 * child of vfork, too. `file` may be "" where it was not found. */
void preload_report_lost(const char *file, enum weir__lost why);

/* Looks up what preload/last.c and preload/exec.c stand before. */
void preload_last_start(void);
void preload_exec_start(void);

/* Completes the file that is recorded to, if this process records into its own file and
 * the core is not interrupted. */
void preload_record_stop(void);

/* The exec failed: it runs on, and records on. */
void preload_report_again(void);
void preload_record_again(void);

/* Another malloc than this library's serves the program. */
void preload_report_foreign(void);

#endif
