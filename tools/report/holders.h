/*
 * tools/report/holders.h - who holds what is live: the segments of a trace, put into groups by
 * one of their properties. Every segment has one holder in each grouping, so that holders come to
 * the total. Owns the holders; they stand by bytes at the peak, greatest first, ties by name.
 */
#ifndef WEIR_TOOLS_REPORT_HOLDERS_H
#define WEIR_TOOLS_REPORT_HOLDERS_H

#include "tools/report/data.h"
#include "tools/report/sites.h"

enum report_by {
    REPORT_BY_SITE,
    REPORT_BY_TAG,
    REPORT_BY_CONTEXT,
    REPORT_BY_CLASS,
    REPORT_BY_SIZE,
    REPORT_BY_THREAD,
    REPORT_BYS
};

#define REPORT_TENTHS 10

struct report_amount {
    uint64_t bytes, blocks;
};

struct report_holder {
    char *name;         /* one in its grouping */
    char *brief;        /* for pages; NULL: the name */
    const char *module; /* or "" */
    uint64_t key;
    uint32_t site; /* of a site: its number, else REPORT_NONE */
    struct report_amount peak, left, made, temporary;
    uint64_t rounding, largest;     /* at the peak */
    uint32_t first_born, last_born; /* at the peak: changes; of the largest: */
    uint32_t largest_segment;       /* at the peak, or REPORT_NONE */
    uint64_t freed_elsewhere;       /* blocks that another thread freed */

    /* By report_pass_run. */
    uint64_t most;                 /* that it ever held */
    uint64_t without;              /* greatest total less its bytes */
    uint32_t without_change;       /* the last change of the first event that reached that */
    uint64_t floor[REPORT_TENTHS]; /* the least it held in each tenth of its time */
    bool late;                     /* its time began with its first block, well behind the start */
    uint64_t grew;                 /* bytes; 0: it did not */
    unsigned rises;                /* steps of the floor, among the first eight */
    uint64_t area;                 /* sum of its bytes at the samples */
};

struct report_grouping {
    enum report_by by;
    struct report_holder *holders;
    size_t n;
    uint32_t *of; /* by segment; NULL: not at hand */

    uint32_t strip[9]; /* holders shown over time, the steadiest first */
    size_t nstrip;
    uint32_t *kept; /* holders whose levels are kept */
    size_t nkept;
    uint64_t *levels; /* of those, at the samples: [kept][sample] */
};

/* Heading: "call site"; JSON and options: "site". */
const char *report_by_heading(enum report_by by);
const char *report_by_word(enum report_by by);

/* Does the trace have more than one holder by it, as far as can be told cheaply? */
bool report_by_is_there(const struct report_data *data, enum report_by by);

/* What a report is by, if nobody says. */
enum report_by report_by_default(const struct report_data *data);

/* `sites`: for REPORT_BY_SITE. report_grouping_free. */
void report_grouping_make(struct report_grouping *grouping, const struct report_data *data,
                          enum report_by by, const struct report_sites *sites);
void report_grouping_free(struct report_grouping *grouping);

/* Bytes and blocks of each holder after a change, the last of its event. `amounts`: one each. */
void report_grouping_at(const struct report_grouping *grouping, const struct report_data *data,
                        uint32_t change, struct report_amount *amounts);

/* "thread 2, worker", by the name that the process gave it last. Until 16 more texts are made. */
const char *report_thread_name(const struct report_data *data, uint32_t thread);

/* "<= 64 B", or of large ones the size itself. */
uint64_t report_size_key(uint64_t bytes);

#endif
