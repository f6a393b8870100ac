/*
 * fuzz/exposition_check.h - what a strict reader of an exposition refuses: a line that is none, a
 * sample without its family or outside of it, one twice, bytes that are no text. Aborts by
 * FUZZ_EXPECT. Knows nothing of what the figures mean but that names begin with weir_.
 */
#ifndef WEIR_FUZZ_EXPOSITION_CHECK_H
#define WEIR_FUZZ_EXPOSITION_CHECK_H

#include "fuzz/target.h"

#include <stdbool.h>
#include <string.h>

struct exposition_line {
    const char *key; /* name and labels */
    size_t length;
};

static int exposition_compare(const void *left, const void *right)
{
    const struct exposition_line *a = left, *b = right;
    size_t least = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->key, b->key, least);
    return order ? order : a->length < b->length ? -1 : a->length > b->length;
}

/* Past the label set at `at`; each value ends in a quote that is not escaped. */
static const char *exposition_labels(const char *at, const char *end)
{
    do {
        at++; /* "{" or "," */
        size_t name = strspn(at, "abcdefghijklmnopqrstuvwxyz");
        FUZZ_EXPECT(name && at[name] == '=' && at[name + 1] == '"');
        for (at += name + 2; at < end && *at != '"'; at++)
            if (*at == '\\') {
                FUZZ_EXPECT(at[1] == '\\' || at[1] == '"' || at[1] == 'n');
                at++;
            }
        FUZZ_EXPECT(at < end);
        at++;
    } while (*at == ',');
    FUZZ_EXPECT(*at == '}');
    return at + 1;
}

/* Returns the value. */
static uint64_t exposition_sample(const char *line, const char *end, const char *family,
                                  struct exposition_line *found)
{
    char *past;
    const char *at = line + strspn(line, "abcdefghijklmnopqrstuvwxyz_");
    size_t length = strlen(family);
    FUZZ_EXPECT((size_t)(at - line) >= length && memcmp(line, family, length) == 0);
    FUZZ_EXPECT((size_t)(at - line) == length || memcmp(line + length, "_total", 6) == 0);
    if (*at == '{')
        at = exposition_labels(at, end);
    *found = (struct exposition_line){line, (size_t)(at - line)};
    FUZZ_EXPECT(at[0] == ' ' && at[1] >= '0' && at[1] <= '9');
    uint64_t value = strtoull(at + 1, &past, 10);
    FUZZ_EXPECT(past == end);
    return value;
}

/* The family of a line "# TYPE NAME KIND". */
static void exposition_family(const char *line, char family[64])
{
    size_t length = strcspn(line + 7, " ");
    FUZZ_EXPECT(memcmp(line + 7, "weir_", 5) == 0 && length < 64);
    memcpy(family, line + 7, length);
    family[length] = '\0';
}

/* `own`: the sum of weir_own_bytes, or NULL. Returns how many samples there are. */
static inline size_t exposition_check(const char *text, size_t size, bool plain, uint64_t *own)
{
    char family[64] = "";
    size_t lines = 0, n = 0;
    FUZZ_EXPECT(size && text[size - 1] == '\n' && strlen(text) == size);
    FUZZ_EXPECT(plain || (size > 6 && memcmp(text + size - 6, "# EOF\n", 6) == 0));
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    FUZZ_EXPECT(lines > 0);
    struct exposition_line *found = malloc(lines * sizeof *found);
    FUZZ_EXPECT(found);
    for (const char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (strncmp(line, "# TYPE ", 7) == 0)
            exposition_family(line, family);
        else if (*line != '#') {
            uint64_t value = exposition_sample(line, end, family, &found[n++]);
            if (own && strcmp(family, "weir_own_bytes") == 0)
                *own += value;
        }
    }
    qsort(found, n, sizeof *found, exposition_compare);
    for (size_t i = 1; i < n; i++)
        FUZZ_EXPECT(exposition_compare(&found[i - 1], &found[i]) != 0);
    free(found);
    return n;
}

#endif
