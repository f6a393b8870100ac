/*
 * tools/run/page.h - `weir run --html`: the recordings of a run lie in their own folder, a
 * page is made of the one with the greatest peak, and the folder goes.
 */
#ifndef WEIR_TOOLS_RUN_PAGE_H
#define WEIR_TOOLS_RUN_PAGE_H

#include "tools/run/run.h"

/* Without --record: sets run->record to a file in a new folder. False after one line on standard
 * error. */
bool run_page_prepare(struct run *run);

/* Writes run->html, and removes what run_page_prepare made. `say`: a line names the process that
 * it is of. False after one line on standard error. */
bool run_page_write(const struct run *run, bool say);

#endif
