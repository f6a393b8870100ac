/*
 * observe/environment.h - what the environment asks of this library, the same in libweir and
 * in libweir-malloc.so. All of it is ignored in setuid programs (secure_getenv). What cannot
 * be done is said in one line on standard error, and the program goes on.
 *
 *   WEIR_LIMIT=512M    a limit of the CPU allocator, or
 *   WEIR_LIMIT=90%     the same as a part of what the process may have (weir_set_limit_fraction)
 *   WEIR_BACKGROUND=1000  weir_background_start with a look so many milliseconds
 *   WEIR_GUARDS=5000,tensors:100  weir_guards_start with that; 0: none
 *   WEIR_SAMPLE=1M   weir_profile_sample with that mean
 *   WEIR_RECORD=FILE   a recording of it: FILE for the first process, FILE.PID for others
 *                      and FILE.PID.2 for what they become by exec
 *   WEIR_STACKS=no     its allocations have no call stacks, or
 *   WEIR_STACKS=512    only those of at least so many bytes
 *   WEIR_REPORT=FILE   one line at the end ("-": standard error), and with WEIR_SAMPLE who holds
 * what is live then
 */
#ifndef WEIR_OBSERVE_ENVIRONMENT_H
#define WEIR_OBSERVE_ENVIRONMENT_H

#include <stdbool.h>

void weir__environment_hardened(void);
void weir__environment_limit(void);
void weir__environment_background(void);
void weir__environment_sample(void);
void weir__environment_guards(bool by_turns);

/* True: this process records. */
bool weir__environment_record(void);

/* The line of WEIR_REPORT; at the end. `known`: the figures say something of the process. */
void weir__environment_report(bool known);

#endif
