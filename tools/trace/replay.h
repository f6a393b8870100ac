/*
 * tools/trace/replay.h - which blocks live, and how much that is, event after event.
 * Each block has its own id.
 */
#ifndef WEIR_TOOLS_TRACE_REPLAY_H
#define WEIR_TOOLS_TRACE_REPLAY_H

#include "tools/trace/blocks.h"
#include "tools/trace/merge.h"

enum trace_change { TRACE_BEGINS, TRACE_ENDS, TRACE_RESIZES, TRACE_OTHER, TRACE_SETTLED };

/*
 * Told every change of a block: after it begins, before it ends, after it is resized (from
 * `before` requested bytes; the record says where it was, if it moved); and every other event, with
 * block NULL. TRACE_SETTLED, with block NULL, comes after all of the start and after all of each
 * event: the replay's sums are those of that number. The record's number is 0 for what was live at
 * the start. Returns 0 or an errno value that ends the replay.
 */
typedef int trace_watcher(void *user, enum trace_change change, struct trace_block *block,
                          uint64_t before, const struct trace_record *record);

struct trace_replay {
    struct trace_info *info;
    trace_watcher *watch; /* or NULL */
    void *user;
    uint64_t total, count, peak, peak_number, peak_ticks;
    uint64_t last_ticks; /* the latest of an event */
    uint64_t allocations, frees, resizes, moves, failures, marks, events; /* moves: resizes, too */
    uint64_t missing; /* numbers that no event has, below one that has */
    uint64_t last;    /* the greatest number of an event */
    uint64_t strays;  /* events left out; see trace_merge_strays */
    uint64_t unknown; /* events that cannot be, because others are missing */
    bool inexact;     /* numbers or blocks are missing: figures are of what there is */
    bool verified;    /* the peak is equal to the footer's, and nothing is missing */
    char wrong[160];  /* tolerant: what contradicts the footer; "": nothing does */
    int64_t unlisted_bytes, unlisted_blocks; /* live since the start, known in sum alone */

    struct trace_blocks blocks;
};

/*
 * Replays a trace to its end and holds it against its footer. The first replay also puts
 * right what BASE says (docs/internals/trace-format.md), in info->base; so a watcher that must not
 * see blocks that were none comes to a second one. 0, EINVAL or what else is wrong, with
 * info->why; or what `watch` (may be NULL) returned. Tolerant: what contradicts the footer
 * is said in `wrong`, and no error. trace_replay_end in any case.
 */
int trace_replay_run(struct trace_replay *replay, struct trace_info *info, trace_watcher *watch,
                     void *user);

/* Numbers given out that no event has; without a footer, at least so many. */
uint64_t trace_replay_missing(const struct trace_replay *replay);

/* Events are missing that the footer takes for written. */
bool trace_replay_is_short(const struct trace_replay *replay);

/* Tolerant: the file is not what was written. One that was cut short is, as far as it goes. */
bool trace_replay_is_damaged(const struct trace_replay *replay);

/* The footer is there, nothing is damaged, and only calls that were under way when the
 * process ended have no event. */
bool trace_replay_is_complete(const struct trace_replay *replay);

/* The same up to the event with this number; nothing is held against the footer. */
int trace_replay_until(struct trace_replay *replay, struct trace_info *info, uint64_t number);
void trace_replay_end(struct trace_replay *replay);

#endif
