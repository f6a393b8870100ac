/*
 * tools/report/sites.h - the holders that stacks name: the function that wanted the memory, its
 * caller, and, where that tells great holders apart, a function further up. Owns the sites.
 *
 * From the leaf up, what only hands out memory for others is passed over: functions that are
 * named like allocators, nameless ones directly below such, and among the two lowest frames
 * nameless ones that many places call.
 *
 * Where code made at run time called (JavaScript, Python), its nearest function stands for the
 * caller: the runtime's own functions between would say little to who wrote the script.
 */
#ifndef WEIR_TOOLS_REPORT_SITES_H
#define WEIR_TOOLS_REPORT_SITES_H

#include "tools/report/frames.h"

#define REPORT_PARTS 6

struct report_site {
    uint32_t parts[REPORT_PARTS]; /* functions: site, caller (0: none), what made differences */
    uint32_t nparts;
    bool far; /* the second part is no caller of the first, but the script's function above */
    uint64_t weight;
};

struct report_sites {
    const struct report_frames *frames;
    struct report_site *sites;
    size_t nsites;
    uint32_t *of;   /* by node: site, for nodes that blocks have */
    uint32_t *node; /* by node: the node of its site's function */
};

/* `used`: by node, is it a block's; `weight`: by node, its bytes at the peak, `peak` in all. */
void report_sites_make(struct report_sites *sites, const struct report_frames *frames,
                       const unsigned char *used, const uint64_t *weight, uint64_t peak);
void report_sites_free(struct report_sites *sites);

/* From malloc. `brief`: the last two parts of each qualified name, and arrows. */
char *report_site_name(const struct report_sites *sites, const struct report_site *site,
                       bool brief);

#endif
