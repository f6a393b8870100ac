/*
 * tools/report/mappings.h - what the program mapped by its own calls, outside malloc: how much
 * at most and at the peak, and who called for it. No part of the total. Mappings that can be
 * neither read, written nor executed are address space, and are not added up.
 */
#ifndef WEIR_TOOLS_REPORT_MAPPINGS_H
#define WEIR_TOOLS_REPORT_MAPPINGS_H

#include "tools/report/data.h"
#include "tools/report/sites.h"

#include <stdio.h>

struct report_mapper {
    char *name;
    uint64_t bytes, pieces; /* when most was mapped */
};

struct report_mappings {
    uint64_t most, most_ticks; /* bytes, and when that was first so */
    uint64_t at_peak, left;
    uint64_t of_files;             /* of `most`: of files */
    struct report_mapper *mappers; /* greatest first, ties by name */
    size_t n;
};

/* `sites` NULL: there are no stacks, and no mappers. report_mappings_free. */
void report_mappings_make(struct report_mappings *mappings, const struct report_data *data,
                          const struct report_sites *sites);
void report_mappings_free(struct report_mappings *mappings);

/* Nothing where nothing was mapped. At most `top` mappers; 0: all. */
void report_mappings_text(FILE *to, const struct report_mappings *mappings,
                          const struct report_data *data, size_t top);
void report_mappings_html(FILE *to, const struct report_mappings *mappings,
                          const struct report_data *data);

#endif
