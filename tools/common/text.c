/* tools/common/text.c - see numbers.h. */
#include "tools/common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *number_count(uint64_t value)
{
    static char texts[8][32];
    static unsigned turn;
    char digits[24], *text = texts[turn++ % 8], *at = text;
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

const char *number_scaled(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    static char texts[8][32];
    static unsigned turn;
    char *text = texts[turn++ % 8];
    double value = (double)bytes;
    unsigned unit = 0;
    for (; value >= 1024 && unit < 4; unit++)
        value /= 1024;
    snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", value, bytes == 1 ? "byte" : units[unit]);
    return text;
}

const char *number_bytes(uint64_t bytes)
{
    static char texts[4][80];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    if (bytes < 1024)
        snprintf(text, 80, "%s", number_scaled(bytes));
    else
        snprintf(text, 80, "%s (%s bytes)", number_scaled(bytes), number_count(bytes));
    return text;
}

const char *number_of(uint64_t value, const char *things)
{
    static char texts[8][64];
    static unsigned turn;
    char *text = texts[turn++ % 8];
    int length = (int)strlen(things) - (value == 1);
    snprintf(text, 64, "%s %.*s", number_count(value), length, things);
    return text;
}
