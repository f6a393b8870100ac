/*
 * tools/common/file.h - files read whole, plain or gzip, and what lies in folders. No state; any
 * thread.
 */
#ifndef WEIR_TOOLS_COMMON_FILE_H
#define WEIR_TOOLS_COMMON_FILE_H

#include "tools/common/options.h"

#include <stdio.h>

struct file_text {
    char *text; /* its caller frees it; a NUL stands behind */
    size_t length;
    const char *damage; /* what zlib complains of: the text ends there; NULL: it is whole */
};

/*
 * The file's contents, or as much as shows that it is no text: it ends at the first NUL, which is
 * counted. 0 or an errno value: EFBIG beyond 4 GiB. `text` is then NULL.
 */
int file_read(const char *path, struct file_text *file);

/* At most n bytes of its beginning; how many, 0 where it cannot be read. */
size_t file_begin(const char *path, void *to, size_t n);

/*
 * The path, if it is no folder; else the files in it and in its folders that `wanted` likes, sorted
 * in each. How many; -1 with errno: a folder that cannot be read. The words are from malloc.
 */
long file_list(struct option_list *list, const char *path, bool (*wanted)(const char *path));

/* A line of a text: cut out, without its end; NULL behind the last. *length: what was cut out,
 * with what may lie behind a NUL. */
char *file_line(char **at, char *end, size_t *length);

#endif
