/* tools/common/text.c - see text.h. */
#include "tools/common/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { TEXTS = 16, TEXT_BYTES = 96 };

static char *text_next(void)
{
    static char texts[TEXTS][TEXT_BYTES];
    static unsigned turn;
    return texts[turn++ % TEXTS];
}

const char *text_made(const char *format, ...)
{
    char *text = text_next();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, TEXT_BYTES, format, arguments);
    va_end(arguments);
    return text;
}

const char *text_count(uint64_t value)
{
    char digits[24], *text = text_next(), *at = text;
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

/* In its unit, which is 0 for bytes. */
static double scale(double bytes, double least, unsigned *unit)
{
    for (*unit = 0; bytes >= least && *unit < 6; ++*unit)
        bytes /= 1024;
    return bytes;
}

static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

const char *text_scaled(uint64_t bytes)
{
    unsigned unit;
    double value = scale((double)bytes, 1024, &unit);
    return unit ? text_made("%.1f %s", value, units[unit]) : text_of(bytes, "bytes");
}

const char *text_size(double bytes)
{
    unsigned unit;
    double value = scale(bytes, 1000, &unit);
    return text_made(unit && value < 9.95 && value != floor(value) ? "%.1f %s" : "%.0f %s", value,
                     units[unit]);
}

const char *text_bytes(uint64_t bytes)
{
    return bytes < 1024 ? text_scaled(bytes)
                        : text_made("%s (%s bytes)", text_scaled(bytes), text_count(bytes));
}

const char *text_of(uint64_t value, const char *things)
{
    return text_made("%s %.*s", text_count(value), (int)strlen(things) - (value == 1), things);
}

const char *text_number(double value)
{
    if (isnan(value))
        return "-";
    int digits = value == 0 ? 0 : value < 0.0995 ? 3 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return text_made("%.*f", digits, value);
}

const char *text_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int text_ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

size_t text_distance(const char *word, const char *other)
{
    size_t n = strlen(other), row[32]; /* of the word so far to each beginning of the other */
    if (n >= 32 || strlen(word) >= 32)
        return SIZE_MAX;
    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 0; word[i]; i++) {
        size_t before = row[0]++;
        for (size_t k = 0; k < n; k++) {
            size_t least = row[k] < row[k + 1] ? row[k] + 1 : row[k + 1] + 1;
            size_t kept = before + (word[i] != other[k]);
            before = row[k + 1];
            row[k + 1] = kept < least ? kept : least;
        }
    }
    return row[n];
}

size_t text_utf8(const char *text)
{
    static const struct {
        unsigned char from, to, low, high, length;
    } kinds[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    const unsigned char *at = (const unsigned char *)text;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = kinds[i].length, good = 2;
        if (*at < kinds[i].from || *at > kinds[i].to)
            continue;
        if (n > 1 && (at[1] < kinds[i].low || at[1] > kinds[i].high))
            return 0;
        while (good < n && (at[good] & 0xc0) == 0x80)
            good++;
        return good < n ? 0 : n;
    }
    return 0;
}

void text_plain(FILE *to, const char *text, size_t most)
{
    size_t length = strlen(text), shown = length > most ? most - 3 : length;
    for (size_t i = 0; i < shown; i++) {
        const unsigned char *at = (const unsigned char *)text + i;
        bool high = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        putc(high || *at < ' ' || *at == 0x7f ? '?' : *at, to);
        i += high;
    }
    if (shown < length)
        fputs("...", to);
}
