/* tools/common/markup.c - see markup.h. */
#include "tools/common/markup.h"
#include "tools/common/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define NARROW "\xe2\x80\xaf" /* U+202F */
#define FIRM   "\xc2\xa0"     /* U+00A0 */

/* Control characters would be nothing that can be seen. */
static void character(FILE *to, const char *at, size_t n)
{
    unsigned char c = (unsigned char)*at;
    if (c == '\n' || c == '\t' || c == '\r')
        putc(' ', to);
    else if (n == 0 || (n == 1 && (c < ' ' || c == 0x7f)) ||
             (c == 0xc2 && (unsigned char)at[1] < 0xa0))
        fputs("\xef\xbf\xbd", to);
    else if (c == '<')
        fputs("&lt;", to);
    else if (c == '>')
        fputs("&gt;", to);
    else if (c == '&')
        fputs("&amp;", to);
    else if (c == '"')
        fputs("&quot;", to);
    else
        fwrite(at, 1, n, to);
}

void markup_text(FILE *to, const char *text)
{
    while (*text) {
        size_t n = text_utf8(text);
        character(to, text, n);
        text += n ? n : 1;
    }
}

void markup_name(FILE *to, const char *name)
{
    fputs("<code>", to);
    while (*name) {
        size_t n = text_utf8(name);
        character(to, name, n);
        if (name[0] == ':' && name[1] != ':')
            fputs("<wbr>", to);
        name += n ? n : 1;
    }
    fputs("</code>", to);
}

void markup_json(FILE *to, const char *text)
{
    putc('"', to);
    while (*text) {
        size_t n = text_utf8(text);
        unsigned char c = (unsigned char)*text;
        bool line =
            n == 3 && memcmp(text, "\xe2\x80", 2) == 0 && ((unsigned char)text[2] & 0xfe) == 0xa8;
        if (n == 0)
            fputs("\xef\xbf\xbd", to);
        else if (line)
            fprintf(to, "\\u20%02x", 0x28 + ((unsigned char)text[2] & 1));
        else if (n == 1 && (c < ' ' || c == 0x7f || strchr("<>&\"\\'", c)))
            fprintf(to, "\\u%04x", c);
        else
            fwrite(text, 1, n, to);
        text += n ? n : 1;
    }
    putc('"', to);
}

const char *markup_count(uint64_t value)
{
    char digits[24], text[80];
    size_t at = 0;
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            at += (size_t)sprintf(text + at, NARROW);
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text_made("%s", text);
}

const char *markup_size(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;
    for (; value >= 999.5 && unit < 6; unit++)
        value /= 1024;
    int digits = !unit ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return text_made("%.*f" FIRM "%s", digits, value, units[unit]);
}

void markup_bytes(FILE *to, uint64_t bytes)
{
    fprintf(to, "<span title=\"%s bytes\">%s</span>", markup_count(bytes), markup_size(bytes));
}

const char *markup_share(uint64_t part, uint64_t whole)
{
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;
    return !part            ? "0" FIRM "%"
           : percent < 0.95 ? "&lt;1" FIRM "%"
           : percent < 9.95 ? text_made("%.1f" FIRM "%%", percent)
                            : text_made("%.0f" FIRM "%%", percent);
}

const char *markup_seconds(double seconds)
{
    return seconds >= 1      ? text_made("%.3f" FIRM "s", seconds)
           : seconds >= 1e-3 ? text_made("%.1f" FIRM "ms", seconds * 1e3)
                             : text_made("%.0f" FIRM "\xc2\xb5s", seconds * 1e6);
}

const char *markup_of(uint64_t value, const char *things)
{
    return text_made("%s" FIRM "%.*s", markup_count(value), (int)strlen(things) - (value == 1),
                     things);
}
