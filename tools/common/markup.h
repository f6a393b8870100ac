/*
 * tools/common/markup.h - pieces of HTML: texts that a program gave, escaped; figures as people
 * read them. Whatever bytes a name has, what is written is well-formed UTF-8 that names no tag.
 * Texts are good until 16 more are made (tools/common/text.h). Has no state; one thread.
 */
#ifndef WEIR_TOOLS_COMMON_MARKUP_H
#define WEIR_TOOLS_COMMON_MARKUP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Of text between tags, and of attributes in double quotes. */
void markup_text(FILE *to, const char *text);

/* As code that may break behind "::". */
void markup_name(FILE *to, const char *name);

/* A JSON string inside a script element: <, > and & are \u00XX. */
void markup_json(FILE *to, const char *text);

/* Digits in threes, with narrow spaces; "18.1 MiB"; the same with the exact figure as its title. */
const char *markup_count(uint64_t value);
const char *markup_size(uint64_t bytes);
void markup_bytes(FILE *to, uint64_t bytes);

/* "12 %", "<1 %" (escaped). */
const char *markup_share(uint64_t part, uint64_t whole);

/* "2.696 s", "775.9 ms". */
const char *markup_seconds(double seconds);

/* "1 block", "24 blocks". */
const char *markup_of(uint64_t value, const char *things);

#endif
