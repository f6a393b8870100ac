/*
 * error.h - how weir reports errors.
 *
 * Functions that return a pointer return NULL and set errno; the rest return 0
 * or a positive errno value. Misuse that would corrupt memory (a double free, a
 * foreign pointer) has no errno value: one line on standard error, then abort(), in
 * every build, unless the program installed a handler. What weir reports by
 * itself is such a line, too; a program may have them in its log.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <weir/export.h>

WEIR_BEGIN_DECLS

/*
 * Tensors, plans, arenas and pools count as blocks, those destroyed until their memory is
 * another's: any use of one after that is a double free, and returns what the call returns when it
 * fails. The kinds are the same on every sort of allocator. A second free differs from a
 * pointer that was never a block as long as weir knows of the first: not any more where the memory
 * went back to the system (weir_trim, a huge block) or is part of another block now, and for blocks
 * that come from no pool (functions, malloc, the backing, an arena, a device) where thousands more
 * were freed since. It is a foreign or an interior pointer then; never carried out in any case.
 */
typedef enum weir_misuse {
    WEIR_MISUSE_DOUBLE_FREE = 1,     /* the block is not live: it was freed before */
    WEIR_MISUSE_INTERIOR_POINTER,    /* points into a block, not at its start */
    WEIR_MISUSE_FOREIGN_POINTER,     /* no block was here, as far as weir knows */
    WEIR_MISUSE_OTHER_ALLOCATOR,     /* a live block, but of another allocator */
    WEIR_MISUSE_DESTROYED_ALLOCATOR, /* the allocator was destroyed before the call */
    WEIR_MISUSE_SIZE_MISMATCH,       /* a sized free named another size */
    WEIR_MISUSE_CORRUPTION /* weir's own book-keeping was overwritten; of a hardened context
                            * also what lies around a block, or a block after its free */
} weir_misuse;

/*
 * Called instead of abort(), on the thread that made the bad call, with no lock
 * of weir held. `pointer` is what was passed, `line` the one-line description
 * (no newline), valid during the call. When the handler returns, the bad call
 * does nothing and the statistics stay true. It may longjmp away.
 *
 * One kind of misuse is found later: two threads that free one small block at the same
 * instant. The second of the two frees is found when its block is about to be
 * handed out again, or to go back to its slab, by any thread that allocates,
 * frees or trims, and reported once, on that thread. The block has one owner all
 * the time. Until then total and count are too low by what was counted twice, and
 * a peak that is reached in between is too low by as much at most; then they are
 * right again.
 */
typedef void weir_misuse_handler(weir_misuse what, const void *pointer, const char *line,
                                 void *user);

/* Installs a handler for the process (NULL: abort again). Any thread. */
WEIR_API void weir_set_misuse_handler(weir_misuse_handler *handler, void *user) WEIR_NOEXCEPT;

/* "double free", "foreign pointer", ...: static text, never NULL. */
WEIR_API const char *weir_misuse_name(weir_misuse what) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;

/* A line of weir's, without a newline, `length` bytes and a NUL; valid during the call. */
typedef void weir_message_sink(const char *line, size_t length, void *user);

/*
 * Where the lines go that weir writes by itself, in place of standard error: misuse
 * without a handler (the process still aborts), variables of the environment that cannot be
 * followed, a recording that ended early, the report of WEIR_REPORT=-, what a debug build found.
 * What the program has printed (weir_leaks_print, weir_stats_print) goes where it says. NULL:
 * standard error again, where also goes what is said before a sink is set, and within one.
 *
 * The sink is called on the thread that has something to say, whatever that is at: weir's locks
 * may be held, it may be within malloc, or in a signal handler that frees. So it does what a
 * signal handler may do (write, sendto, storing into a ring), and nothing of weir; where weir is
 * the program's malloc that rules out all that allocates. It returns. Several threads may be in it
 * at once.
 *
 * Any thread, and a signal handler, may set one at any time. Another thread may be in the former
 * when this returns, so let a sink and its `user` stay until the process ends. 0, or ENOSPC for
 * the 257th pair of a process; one that was set before counts once. libweir-malloc.so has none.
 */
WEIR_API int weir_set_message_sink(weir_message_sink *sink, void *user) WEIR_NOEXCEPT;

/*
 * The reason for the calling thread's last failed weir call, where errno alone
 * says too little (a driver's error, a bad row): one line, "" when there is
 * none. Valid until the thread's next failing call.
 */
WEIR_API const char *weir_last_error(void) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;

WEIR_END_DECLS
#endif
