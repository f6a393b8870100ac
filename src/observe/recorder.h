/* observe/recorder.h - the records that describe the process, written once. */
#ifndef WEIR_OBSERVE_RECORDER_H
#define WEIR_OBSERVE_RECORDER_H

#include <stdbool.h>

/* HEAD and MODL. False: not written. */
bool weir__recorder_head(const char *root_name);
void weir__recorder_modules(void);

/* This instant: ticks, then nanoseconds. */
unsigned char *weir__recorder_put_now(unsigned char *at);

#endif
