/*
 * observe/jit_names.h - the names of code that this process made at run time, into its recording.
 * Owns nothing. At the end of a recording, under the recorder's lock.
 */
#ifndef WEIR_OBSERVE_JIT_NAMES_H
#define WEIR_OBSERVE_JIT_NAMES_H

/* Writes JITM records for the addresses of stacks that lie in no module, where a compiler left a
 * map of names. */
void weir__jit_names_write(void);

#endif
