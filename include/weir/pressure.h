/*
 * pressure.h - memory given back while it is scarce, not only when a limit is reached: a thread
 * of weir's waits until the kernel says that threads stall because memory is short (PSI), in the
 * process's control group where that has a memory.pressure, else in the machine.
 *
 * Each time it trims all allocators of memory that the host can touch, as weir_trim does, and then
 * asks the program's callbacks for refused requests to free what they can. How often and how much
 * is counted.
 *
 * Thread rule: any thread. The thread blocks all signals; a forked child has none.
 */
#ifndef WEIR_PRESSURE_H
#define WEIR_PRESSURE_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

typedef struct weir_pressure_options {
    size_t size; /* of this struct: WEIR_PRESSURE_OPTIONS_INIT sets it; 0: the first release's */
    unsigned stall_ms;  /* so long within a window threads stall; 0: 100 */
    unsigned window_ms; /* 500 to 10000; 0: 2000. Without CAP_SYS_RESOURCE the kernel takes none
                         * but whole multiples of 2000. At most one event a window */
    bool full;          /* while all threads stall, not some of them */
    const char *file;   /* watched instead of the group's; NULL: that. A file of the kernel's
                         * for pressure, or a FIFO: what is written there is an event */
} weir_pressure_options;
#define WEIR_PRESSURE_OPTIONS_INIT WEIR_STRUCT_INIT(weir_pressure_options)

/*
 * Starts watching; one for the process. NULL options: all defaults. 0; EINVAL (a stall that does
 * not fit into the window, a file of another kind; what the kernel does not take), EBUSY: it
 * watches already, ENOTSUP: this system reports no pressure, or what opening the file or
 * pthread_create says (EACCES: a group that is another user's). A call that fails starts nothing.
 */
WEIR_API int weir_pressure_start(const weir_pressure_options *options) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Returns when the thread has ended; called by a callback that the thread runs, at once, and the
 * thread ends after it. Does nothing where none watches. */
WEIR_API void weir_pressure_stop(void) WEIR_NOEXCEPT;

/* Counted since the start of the process. */
typedef struct weir_pressure_stats {
    size_t size;   /* of this struct: WEIR_PRESSURE_STATS_INIT sets it; 0: the first release's */
    size_t events; /* times that pressure was reported */
    size_t trims;  /* passes over all allocators: one an event, one more after callbacks */
    size_t trimmed_bytes; /* that went back to the system in them */
    size_t asked;         /* callbacks that were asked */
    bool watching;        /* now; false also where what was watched is gone */
} weir_pressure_stats;
#define WEIR_PRESSURE_STATS_INIT WEIR_STRUCT_INIT(weir_pressure_stats)

/* 0; EINVAL for NULL or a size of no known struct. */
WEIR_API int weir_pressure_stats_get(weir_pressure_stats *stats) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
