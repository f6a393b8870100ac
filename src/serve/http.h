/*
 * serve/http.h - a small HTTP server of a few pages that are made anew for each request, on
 * libmicrohttpd. Owns the connections and what a client is told; knows nothing of what the pages
 * say. Only GET and HEAD; at most 16 clients at once. One that says nothing for ten seconds is
 * closed, and one that was there for longer, whatever it says, when its place is wanted. Answers
 * of more than 1 MiB that clients do not read are at most 64 MiB in all.
 *
 * Thread rule: with its own thread, pages are written there, one after the other; without one,
 * in weir__http_run.
 */
#ifndef WEIR_SERVE_HTTP_H
#define WEIR_SERVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct weir__http_request {
    bool openmetrics;      /* the client takes application/openmetrics-text */
    size_t contexts, tags; /* "?contexts=50&tags=10"; 0: not said */
};

/* `text` is the writer's, by malloc; it is freed when it was sent. */
struct weir__http_answer {
    char *text;
    size_t length;
    const char *type; /* Content-Type */
};

/* 0, or an errno value: the client is told that it failed. */
typedef int weir__http_writer(const struct weir__http_request *request,
                              struct weir__http_answer *answer, void *user);

struct weir__http_page {
    const char *path; /* "/metrics" */
    weir__http_writer *write;
};

#define WEIR__HTTP_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define WEIR__HTTP_TEXT        "text/plain; version=0.0.4; charset=utf-8"

struct weir__http;

/* `pages` (their path NULL: the last) and `user` outlive the server; it owns the listener from here
 * on, and closes it where it cannot start: NULL with errno, no memory, descriptors or thread. */
struct weir__http *weir__http_start(int listener, const struct weir__http_page *pages, void *user,
                                    bool thread);

/* Without a thread: a descriptor that is readable when there is something to do, and doing it. */
int weir__http_descriptor(const struct weir__http *http);
void weir__http_run(struct weir__http *http);

void weir__http_stop(struct weir__http *http);

#endif
