/* observe/figures.h - the figures of weir_stats by name, for every form they are printed in. */
#ifndef WEIR_OBSERVE_FIGURES_H
#define WEIR_OBSERVE_FIGURES_H

#include "observe/sink.h"
#include "observe/snapshot.h"

enum weir__figure_kind {
    WEIR__FIGURE_BYTES,
    WEIR__FIGURE_COUNT,
    WEIR__FIGURE_COUNTER, /* only grows */
    WEIR__FIGURE_BYTES_COUNTER,
    WEIR__FIGURE_LIMIT /* bytes; 0: none */
};

struct weir__figure {
    const char *name;   /* as in weir_stats and JSON */
    const char *metric; /* in OpenMetrics, without "weir_" and "_total" */
    const char *heading;
    enum weir__figure_kind kind;
    const char *help;
    size_t offset; /* in weir_stats */
};

extern const struct weir__figure weir__figures[];
extern const size_t weir__nfigures;

size_t weir__figure_of(const struct weir__figure *figure, const weir_stats *stats);

/* A snapshot of `a` and its descendants, printed; 0 or an errno value. */
int weir__figures_to_file(FILE *to, weir_allocator *a,
                          void (*print)(struct weir__sink *, const struct weir__snapshot *));
int weir__figures_to_buffer(char *buffer, size_t size, size_t *length, weir_allocator *a,
                            void (*print)(struct weir__sink *, const struct weir__snapshot *));

/* What is printed is there: weir__sink_finish, and the reason where it failed. */
int weir__figures_end(struct weir__sink *sink);

#endif
