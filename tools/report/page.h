/*
 * tools/report/page.h - a report as one HTML file: everything in it, nothing from elsewhere, and
 * of the same traces the same bytes. Complete without scripts but for zoom, cursor and icicle. No
 * state.
 *
 * page.js and page.css are the script and the style; the build makes them strings (page_parts.c).
 */
#ifndef WEIR_TOOLS_REPORT_PAGE_H
#define WEIR_TOOLS_REPORT_PAGE_H

#include "tools/report/against.h"

#include <stdio.h>

void page_write(FILE *to, const struct report *report, const struct report_against *against);

extern const char page_script[], page_style[];

#endif
