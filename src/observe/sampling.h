/* observe/sampling.h - the profile of the process as a part of other texts. No state, no lock. */
#ifndef WEIR_OBSERVE_SAMPLING_H
#define WEIR_OBSERVE_SAMPLING_H

#include "observe/sink.h"

/* As weir_profile_print; nothing, if nothing is sampled or there is no memory. */
void weir__sampling_print(struct weir__sink *sink, size_t top);

#endif
