/*
 * observe/sink.h - where printed figures go: a FILE or a caller's buffer. Remembers the
 * first error; allocates nothing. One thread at a time.
 */
#ifndef WEIR_OBSERVE_SINK_H
#define WEIR_OBSERVE_SINK_H

#include <stddef.h>
#include <stdio.h>

struct weir__sink {
    FILE *file;          /* or NULL: the buffer */
    char *buffer;        /* of `size` bytes, always ends in a NUL if there is room for one */
    size_t size, length; /* length: of all that was written, kept or not */
    int error;
};

void weir__sink_print(struct weir__sink *sink, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text as the inside of a JSON string: quotes, backslashes and control characters
 * escaped, bytes that are no UTF-8 as U+FFFD. */
void weir__sink_json_text(struct weir__sink *sink, const char *text);

/* Text as the inside of an OpenMetrics label value; bytes that are no UTF-8 as above. */
void weir__sink_label_text(struct weir__sink *sink, const char *text);

/* A name within a path of an OpenMetrics label: as above, but what two names could share is
 * percent-encoded: '/', '#', '%', control characters and bytes that are no UTF-8. Different names
 * give different texts. */
void weir__sink_path_text(struct weir__sink *sink, const char *name);

/* Text for one line of a terminal: control characters as '?'. */
void weir__sink_plain_text(struct weir__sink *sink, const char *text, int width);

/* "1234", or `unsupported` where the figure is not available. */
void weir__sink_figure(struct weir__sink *sink, size_t figure, const char *unsupported);

/* 0 or what went wrong, ENOSPC where a buffer was too small; a FILE is flushed. */
int weir__sink_finish(struct weir__sink *sink);

#endif
