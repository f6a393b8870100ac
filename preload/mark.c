/*
 * preload/mark.c - weir_trace_mark, the one name of weir's own that this library offers. A program
 * that is not linked with libweir marks by it under `weir run`: it looks the name up, or refers to
 * it weakly. In a program that is linked with libweir this one comes first, and hands on: the mark
 * is in both recordings, that of the program's malloc and one that the program makes itself.
 *
 * Any thread, but no signal handler: the loader is asked, until libweir is found, whenever
 * something was loaded.
 */
#include "preload/preload.h"

#include "observe/recorder.h"

#include <dlfcn.h>
#include <link.h>

typedef int mark_function(weir_mark kind, const char *name, bool begin);

static int loads_note(struct dl_phdr_info *about, size_t size, void *loads)
{
    (void)size;
    *(unsigned long long *)loads = about->dlpi_adds;
    return 1;
}

/* Where it lies in the global scope, or was loaded apart from that, as a plugin's library. */
static mark_function *next_look(void)
{
    mark_function *next = (mark_function *)dlsym(RTLD_NEXT, "weir_trace_mark");
    void *handle = next ? NULL : dlopen("libweir.so.0", RTLD_NOLOAD | RTLD_LAZY);
    return handle ? (mark_function *)dlsym(handle, "weir_trace_mark") : next;
}

/* libweir's, which stays once it was loaded. NULL: there is none. */
static mark_function *next_mark(void)
{
    static mark_function *next;       /* atomic; a race stores the same value */
    static unsigned long long looked; /* loads, when it was looked for; atomic */
    mark_function *found = weir__relaxed_get(next);
    unsigned long long loads = 0;
    if (weir__likely(found != NULL))
        return found;
    dl_iterate_phdr(loads_note, &loads);
    if (loads == weir__relaxed_get(looked))
        return NULL;
    found = next_look();
    weir__relaxed_set(next, found);
    weir__relaxed_set(looked, loads);
    return found;
}

PRELOAD_API int weir_trace_mark(weir_mark kind, const char *name, bool begin)
{
    int error = weir__recorder_mark(kind, name, begin);
    mark_function *next = next_mark();
    return next ? next(kind, name, begin) : error;
}
