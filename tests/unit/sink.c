/*
 * What is printed of names and figures: every character comes through, or as its form has it, and
 * nothing that is no UTF-8 gets out. The oracle makes UTF-8 from code points by its definition, and
 * reads what was escaped back.
 */
#include "observe/sink.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void print_text(struct weir__sink *, const char *);

static size_t printed(char *to, size_t size, print_text *print, const char *text)
{
    struct weir__sink sink = {.buffer = to, .size = size};
    *to = '\0';
    print(&sink, text);
    cr_assert_lt(sink.length, size);
    cr_assert_eq(strlen(to), sink.length);
    return sink.length;
}

/* -- UTF-8 by its definition ------------------------------------------------------------------ */

static size_t encode(uint32_t point, char to[4])
{
    if (point < 0x80)
        return to[0] = (char)point, 1;
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)(0xff00 >> length | point);
    return length;
}

/* How many bytes at `text` are one character: what the encoder makes of the bits is the same. */
static size_t character_length(const char *text)
{
    for (size_t length = 1; length <= 4 && (length < 2 || text[length - 1]); length++) {
        char again[4];
        uint32_t point = (unsigned char)text[0] & (length == 1 ? 0xffu : 0x7fu >> length);
        for (size_t i = 1; i < length; i++)
            point = point << 6 | ((unsigned char)text[i] & 0x3f);
        bool exists = point < 0xd800 || (point > 0xdfff && point <= 0x10ffff);
        if (exists && encode(point, again) == length && memcmp(again, text, length) == 0)
            return length;
    }
    return 0;
}

/* As each form says what becomes of one byte below 0x80; NULL: it stays. */
static const char *json_of(unsigned char c)
{
    static char code[8];
    if (c == '"' || c == '\\')
        return snprintf(code, sizeof code, "\\%c", c), code;
    if (c > 0x1f && c != 0x7f)
        return NULL;
    return snprintf(code, sizeof code, "\\u00%02x", c), code;
}

static const char *label_of(unsigned char c)
{
    return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : NULL;
}

static const char *plain_of(unsigned char c)
{
    return c <= 0x1f || c == 0x7f ? "?" : NULL;
}

static void plain_text(struct weir__sink *sink, const char *text)
{
    weir__sink_plain_text(sink, text, 0);
}

static const struct {
    const char *name;
    print_text *print;
    const char *(*ascii)(unsigned char);
} forms[] = {{"json", weir__sink_json_text, json_of},
             {"label", weir__sink_label_text, label_of},
             {"plain", plain_text, plain_of}};

static void expect_form(size_t form, const char *text)
{
    char expected[512], got[512];
    char *to = expected;
    for (const char *at = text; *at;) {
        size_t length = character_length(at);
        const char *instead = length == 1 ? forms[form].ascii((unsigned char)*at) : NULL;
        if (length == 0)
            instead = "\xef\xbf\xbd";
        if (instead)
            to = stpcpy(to, instead);
        else
            to = mempcpy(to, at, length);
        at += length ? length : 1;
    }
    *to = '\0';
    printed(got, sizeof got, forms[form].print, text);
    cr_assert_str_eq(got, expected, "%s of %02x %02x %02x %02x", forms[form].name,
                     (unsigned char)text[0], (unsigned char)text[1], (unsigned char)text[2],
                     (unsigned char)text[3]);
}

Test(sink, every_character_comes_through)
{
    char text[200], got[200];
    for (uint32_t point = 0x80; point <= 0x10ffff;) {
        size_t length = 0;
        for (int i = 0; i < 32 && point <= 0x10ffff; i++, point++)
            if (point < 0xd800 || point > 0xdfff)
                length += encode(point, text + length);
        text[length] = '\0';
        print_text *print = forms[point / 32 % 3].print;
        printed(got, sizeof got, print, text);
        cr_assert_str_eq(got, text, "before U+%04X", point);
        if (point % 4096 == 0) {
            printed(got, sizeof got, weir__sink_path_text, text);
            cr_assert_str_eq(got, text, "before U+%04X", point);
        }
    }
}

Test(sink, ascii_is_as_each_form_has_it)
{
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++)
        for (int c = 1; c < 0x80; c++)
            expect_form(form, (char[]){'a', (char)c, 'b', '\0'});
}

/* Every sequence of up to four bytes at the borders of what is well-formed. */
Test(sink, what_is_no_character_is_replaced_byte_by_byte)
{
    static const unsigned char borders[] = {'A',  0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                            0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                            0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    enum { N = sizeof borders };
    for (unsigned i = 0; i < N * N * N; i++) {
        char text[8] = {(char)borders[i % N], (char)borders[i / N % N], (char)borders[i / N / N]};
        expect_form(i % 3, text);
        text[2] = '\0';
        expect_form(1, text);
    }
    for (unsigned i = 0; i < N * N * N; i++)
        for (unsigned first = 0xe0; first <= 0xf5; first += 3)
            expect_form(i % 3, (char[]){(char)first, (char)borders[i % N], (char)borders[i / N % N],
                                        (char)borders[i / N / N], '\0'});
    for (unsigned first = 0xf0; first <= 0xf5; first++)
        for (unsigned i = 0; i < N * N; i++)
            expect_form(0, (char[]){(char)first, (char)borders[i % N], (char)borders[i / N],
                                    (char)0x80, (char)0xbf, 'z', '\0'});
}

/* -- a path: what was a name can be read back ----------------------------------------------------
 */

static void path_read(const char *from, char *to)
{
    while (*from) {
        if (*from == '%') {
            char digits[3] = {from[1], from[2], '\0'};
            *to++ = (char)strtoul(digits, NULL, 16);
            from += 3;
        } else {
            from += *from == '\\';
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void expect_path(const char *name)
{
    char text[64], back[64];
    size_t length = printed(text, sizeof text, weir__sink_path_text, name);
    path_read(text, back);
    cr_assert_str_eq(back, name, "%s", text);
    for (size_t i = 0; i < length; i++) {
        cr_assert((unsigned char)text[i] >= 0x20 && text[i] != 0x7f && text[i] != '/' &&
                      text[i] != '#',
                  "%s", text);
        if (text[i] == '"')
            cr_assert(i > 0 && text[i - 1] == '\\', "%s", text);
        if (text[i] == '%')
            cr_assert_not_null(strchr("0123456789ABCDEF", text[i + 2]), "%s", text);
    }
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at >= 0x80) {
            cr_assert_neq(character_length(at), 0, "%s", text);
            at += character_length(at) - 1;
        }
}

Test(sink, a_path_can_be_read_back)
{
    static const char letters[] = "/#%\"\\\n\x01\x1f\x7f a2F\xc3\xa4\xff";
    enum { N = sizeof letters - 1 };
    for (size_t i = 0; i < (size_t)N * N * N * N; i++)
        expect_path((char[]){letters[i % N], letters[i / N % N], letters[i / N / N % N],
                             letters[i / N / N / N], '\0'});
    char text[16];
    printed(text, sizeof text, weir__sink_path_text, "a b~\x7f");
    cr_expect_str_eq(text, "a b~%7F", "what needs no code has none");
}

/* -- columns, figures ----------------------------------------------------------------------------
 */

Test(sink, plain_text_is_filled_to_its_width_in_characters)
{
    static const struct {
        const char *text, *shown;
        int width;
    } cases[] = {{"ab", "ab   ", 5},
                 {"ab", "ab", 2},
                 {"ab", "ab ", 3},
                 {"abc", "abc", 1},
                 {"", "  ", 2},
                 {"\xc3\xa4", "\xc3\xa4  ", 3},
                 {"\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80 ", 3},
                 {"a\nb", "a?b ", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[64];
        struct weir__sink sink = {.buffer = got, .size = sizeof got};
        weir__sink_plain_text(&sink, cases[i].text, cases[i].width);
        cr_expect_str_eq(got, cases[i].shown);
    }
}

Test(sink, a_figure_may_be_unsupported)
{
    char got[64];
    struct weir__sink sink = {.buffer = got, .size = sizeof got};
    weir__sink_figure(&sink, 0, "none");
    weir__sink_figure(&sink, SIZE_MAX - 1, "none");
    weir__sink_figure(&sink, SIZE_MAX, "none");
    cr_expect_str_eq(got, "018446744073709551614none");
}

/* -- where it goes -------------------------------------------------------------------------------
 */

Test(sink, a_buffer_is_cut_and_the_length_is_of_all)
{
    static const char whole[] = "first second third";
    for (size_t size = 0; size <= sizeof whole + 1; size++) {
        char got[32];
        memset(got, 'x', sizeof got);
        struct weir__sink sink = {.buffer = size ? got : NULL, .size = size};
        weir__sink_print(&sink, "first ");
        weir__sink_print(&sink, "%s", "second ");
        weir__sink_print(&sink, "third");
        cr_expect_eq(sink.length, strlen(whole));
        cr_expect_eq(weir__sink_finish(&sink), size > strlen(whole) ? 0 : ENOSPC, "%zu", size);
        if (!size)
            continue;
        size_t kept = size > strlen(whole) ? strlen(whole) : size - 1;
        cr_expect_eq(strlen(got), kept, "%zu", size);
        cr_expect_eq(memcmp(got, whole, kept), 0, "%zu", size);
        cr_expect_eq(got[size], 'x', "%zu", size);
    }
}

/* What a write comes to: the errno values in turn, 0: written; -1: failed without a reason. */
struct writes {
    int outcome[4];
    size_t n;
};

static ssize_t write_next(void *cookie, const char *bytes, size_t size)
{
    struct writes *writes = cookie;
    int outcome = writes->outcome[writes->n++ % 4];
    (void)bytes;
    errno = outcome > 0 ? outcome : 0;
    return outcome ? 0 : (ssize_t)size;
}

static int written(struct writes writes, int buffering)
{
    FILE *file = fopencookie(&writes, "w", (cookie_io_functions_t){.write = write_next});
    setvbuf(file, NULL, buffering, 64);
    struct weir__sink sink = {.file = file};
    for (int i = 0; i < 3; i++)
        weir__sink_print(&sink, "line %d\n", i);
    int error = weir__sink_finish(&sink);
    if (!error)
        cr_expect_eq(sink.length, strlen("line 0\n") * 3);
    fclose(file);
    return error;
}

Test(sink, the_first_error_of_a_file_is_kept)
{
    cr_expect_eq(written((struct writes){.outcome = {0}}, _IONBF), 0);
    cr_expect_eq(written((struct writes){.outcome = {ENOSPC, EIO, EPIPE}}, _IONBF), ENOSPC);
    cr_expect_eq(written((struct writes){.outcome = {0, EPIPE, 0, 0}}, _IOLBF), EPIPE);
    cr_expect_eq(written((struct writes){.outcome = {-1, ENOSPC, 0, 0}}, _IONBF), EIO);
    cr_expect_eq(written((struct writes){.outcome = {ENOSPC, 0, 0, 0}}, _IOFBF), ENOSPC,
                 "it is flushed");
    cr_expect_eq(written((struct writes){.outcome = {-1, 0, 0, 0}}, _IOFBF), EIO);
}
