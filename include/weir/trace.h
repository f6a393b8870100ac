/*
 * trace.h - the recorder: every allocation, free and failure of a program in one
 * compact file (docs/internals/trace-format.md), which `weir trace` prints and `weir bench`
 * replays. While it runs every operation takes the slow route, so that the recorded
 * order is the order in which totals changed and a replay gives the exact peak.
 *
 * Thread rule: any thread, while others run. One recording a process at a time.
 * Each thread has a buffer (48 KiB), written when full, when its thread ends
 * and at stop. A killed program loses the buffers, never what was written. A full disk
 * ends the writing, not the program. The recorder takes no memory from the allocators
 * it watches. A forked child does not go on recording.
 *
 * Each allocation has its call stack, at most 512 calls, on x86-64 and aarch64: of what has
 * .eh_frame, as all that compilers make by default, and of code made at run time that keeps
 * frame pointers. A recording without them costs less (docs/guide/seeing.md).
 */
#ifndef WEIR_TRACE_H
#define WEIR_TRACE_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

typedef struct weir_trace_options {
    size_t size; /* of this struct: WEIR_TRACE_OPTIONS_INIT sets it; 0: the first release's */
    weir_allocator *allocator; /* one without a parent; NULL: the CPU allocator */
    unsigned sample_ms;        /* least time between two samples of resident memory; 0: 50 */
    bool no_stacks;            /* allocations are recorded without the calls that led there */
    size_t stacks_from;        /* those of less bytes, too; 0: none is */
} weir_trace_options;
#define WEIR_TRACE_OPTIONS_INIT WEIR_STRUCT_INIT(weir_trace_options)

/*
 * Starts to record `options.allocator` and everything below it into the file at `path`,
 * which is made or emptied. NULL options: defaults. 0; EBUSY while one is recorded; EINVAL (NULL,
 * a size of no known struct, an allocator with a parent);
 * ENOMEM; or why the file cannot be opened or written (weir_last_error says more).
 */
WEIR_API int weir_trace_start(const char *path,
                              const weir_trace_options *options) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * Ends the recording and completes the file. 0; EINVAL when nothing is recorded; EOVERFLOW when
 * some events could not be kept; or why the file could not be written to its end: it is
 * then readable up to there. A program that exits without it has it called.
 */
WEIR_API int weir_trace_stop(void) WEIR_NOEXCEPT;

typedef struct weir_trace_stats {
    size_t size; /* of this struct: WEIR_TRACE_STATS_INIT sets it; 0: the first release's */
    bool recording;
    int error;        /* what ended the writing early, or 0 */
    uint64_t events;  /* numbers given out: operations, marks, regions */
    uint64_t dropped; /* of them not kept */
    uint64_t bytes;   /* written to the file */
    uint64_t peak;    /* greatest total since the start of the recording */
} weir_trace_stats;
#define WEIR_TRACE_STATS_INIT WEIR_STRUCT_INIT(weir_trace_stats)

/* Of the recording, or of the last one. 0, or EINVAL. */
WEIR_API int weir_trace_stats_get(weir_trace_stats *status) WEIR_NOEXCEPT;

/* What a mark stands around. */
typedef enum weir_mark {
    WEIR_MARK_RUN = 1,
    WEIR_MARK_MODEL,
    WEIR_MARK_LAYER,
    WEIR_MARK_OPERATOR,
    WEIR_MARK_OTHER,
    WEIR_MARK_STEP /* one of many alike within a run: of training, of decoding */
} weir_mark;

/*
 * Notes that the calling thread begins or ends something with a name. Marks nest as the
 * program likes; nothing checks it. Costs a load where nothing is recorded. 0, EINVAL
 * (no such kind, NULL), or ENOMEM.
 */
WEIR_API int weir_trace_mark(weir_mark kind, const char *name, bool begin) WEIR_NOEXCEPT;

/*
 * Begins a mark here, and ends it at the end of the enclosing block, however that is left but by
 * longjmp. `name` stays until then; NULL: no mark.
 *
 *     WEIR_MARK_SCOPE(WEIR_MARK_RUN, "run 1");
 *
 * is a declaration, one a line. Of a recording that begins inside, it is an end alone.
 */
#define WEIR_MARK_SCOPE(kind, name)          WEIR_MARK_SCOPE_AT(kind, name, __LINE__)
#define WEIR_MARK_SCOPE_AT(kind, name, line) WEIR_MARK_SCOPE_NAMED(kind, name, line)
#define WEIR_MARK_SCOPE_NAMED(kind, name, line)                                                    \
    __attribute__((cleanup(weir_mark_scope_end))) const weir_mark_scope weir_mark_at_##line =      \
        weir_mark_scope_begin(kind, name)
typedef struct weir_mark_scope {
    weir_mark kind;
    const char *name; /* NULL: not begun */
} weir_mark_scope;
static inline weir_mark_scope weir_mark_scope_begin(weir_mark kind, const char *name)
{
    weir_mark_scope begun = {kind, name};
    if (!name || weir_trace_mark(kind, name, true) != 0)
        begun.name = NULL;
    return begun;
}
static inline void weir_mark_scope_end(const weir_mark_scope *begun)
{
    if (begun->name)
        (void)weir_trace_mark(begun->kind, begun->name, false);
}

WEIR_END_DECLS
#endif
