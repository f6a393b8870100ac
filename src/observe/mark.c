/* observe/mark.c - weir_trace_mark of libweir. Apart from the recorder, because libweir-malloc.so
 * has another (preload/mark.c). */
#include "observe/recorder.h"

int weir_trace_mark(weir_mark kind, const char *name, bool begin)
{
    return weir__recorder_mark(kind, name, begin);
}
