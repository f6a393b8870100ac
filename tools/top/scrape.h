/*
 * tools/top/scrape.h - the text that a running process serves at an address. Owns the request and
 * how long is waited; knows nothing of what the text says. No state; one thread.
 */
#ifndef WEIR_TOOLS_TOP_SCRAPE_H
#define WEIR_TOOLS_TOP_SCRAPE_H

/* The page at http://TEXT/metrics, which the caller frees; NULL: nobody answered so, and `why`
 * (of 128 bytes) says it. */
char *scrape(const char *text, char why[128]);

#endif
