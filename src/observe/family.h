/*
 * observe/family.h - families of metrics in the two text forms that scrapers read: OpenMetrics 1.0
 * and Prometheus's text format 0.0.4. Owns what a family begins with and what a sample of it is
 * called. Knows nothing of what the figures say. No state; one thread a sink.
 *
 * The forms differ in three things: the older one names a counter's family as its samples are
 * named ("..._total"), has no units, and no "# EOF".
 */
#ifndef WEIR_OBSERVE_FAMILY_H
#define WEIR_OBSERVE_FAMILY_H

#include "observe/sink.h"

#include <stdbool.h>

struct weir__exposition {
    struct weir__sink *sink;
    bool text; /* the text format, not OpenMetrics */
};

struct weir__family {
    const char *name; /* without "weir_" and "_total"; ends in "_bytes" where `unit` is "bytes" */
    const char *unit; /* "" or "bytes" */
    bool counter;
    const char *help; /* without the period at its end */
};

/* TYPE, UNIT and HELP. */
void weir__family_begin(const struct weir__exposition *to, const struct weir__family *family);

/* The name of a sample; labels and the value are the caller's. */
void weir__metric_begin(const struct weir__exposition *to, const struct weir__family *family);

/* "# EOF", where the form has one. */
void weir__exposition_end(const struct weir__exposition *to);

#endif
