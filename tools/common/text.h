/*
 * tools/common/text.h - figures and names as people read them: bytes in KiB, MiB, GiB (2^10,
 * 2^20, 2^30), counts with commas, times in ns, us, ms, s. Each text is good until 16 more are
 * made: for the arguments of one printf. State: those texts; one thread.
 */
#ifndef WEIR_TOOLS_COMMON_TEXT_H
#define WEIR_TOOLS_COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* Formats; for the others, too. */
const char *text_made(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "1,234,567" */
const char *text_count(uint64_t value);

/* "286.9 MiB", "12 bytes"; the second form is for tables and labels: "3 B", "1.5 MiB", "64 KiB". */
const char *text_scaled(uint64_t bytes);
const char *text_size(double bytes);

/* "286.9 MiB (300,832,030 bytes)", "12 bytes" */
const char *text_bytes(uint64_t bytes);

/* "1 block", "1,000 blocks"; `things` ends in an s. */
const char *text_of(uint64_t value, const char *things);

/* "12.3": three digits that matter; "-" of what is no number. */
const char *text_number(double value);

/* The name in a path; what stands behind its last slash. */
const char *text_file_name(const char *path);

/* Does it end so? */
int text_ends(const char *text, const char *end);

/* How many characters must be put in, left out or replaced to make one word of the other; words
 * beyond 31 bytes are not like any. */
size_t text_distance(const char *word, const char *other);

/* Length of the well-formed UTF-8 sequence at `text` (RFC 3629), or 0. */
size_t text_utf8(const char *text);

/* A name that a program gave, on one line of at most `most` bytes: what a terminal might take
 * for a command (control characters, also U+0080 to U+009F) as '?'. */
void text_plain(FILE *to, const char *text, size_t most);

#endif
