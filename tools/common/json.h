/*
 * tools/common/json.h - writes one JSON value, piece by piece: commas, quotes and ends are its
 * business. Always well-formed UTF-8: what is none in a text becomes U+FFFD. A writer is its
 * caller's; one thread.
 *
 * `key` is that of a member; NULL in an array, and for the whole.
 */
#ifndef WEIR_TOOLS_COMMON_JSON_H
#define WEIR_TOOLS_COMMON_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *to;
    const char *comma; /* before the next piece; NULL: none */
    unsigned depth;
    char ends[16]; /* of what is open */
};

#define JSON_TO(file) ((struct json){.to = (file)})

void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Of the latest that is open; a newline after the last. */
void json_end(struct json *j);

/* The next element of an array of rows begins a line. */
void json_line(struct json *j);

void json_text(struct json *j, const char *key, const char *text); /* NULL: null */
void json_count(struct json *j, const char *key, uint64_t value);
void json_signed(struct json *j, const char *key, int64_t value);
void json_real(struct json *j, const char *key, double value); /* null, if it is not finite */
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* The comma and the key alone: the caller prints the value. */
void json_key(struct json *j, const char *key);

#endif
