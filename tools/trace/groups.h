/* tools/trace/groups.h - live blocks of a replay, added up by one of their properties. */
#ifndef WEIR_TOOLS_TRACE_GROUPS_H
#define WEIR_TOOLS_TRACE_GROUPS_H

#include "tools/trace/replay.h"

struct trace_group {
    uint64_t key;           /* a tag, a context, a size */
    uint64_t bytes, blocks; /* bytes: requested */
};

struct trace_groups {
    struct trace_group *groups; /* most bytes first */
    size_t n;
};

enum trace_group_by { TRACE_BY_TAG, TRACE_BY_CONTEXT, TRACE_BY_SIZE };

void trace_groups_make(struct trace_groups *groups, const struct trace_replay *replay,
                       enum trace_group_by by);
void trace_groups_free(struct trace_groups *groups);

#endif
