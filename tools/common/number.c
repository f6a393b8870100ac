/* tools/common/number.c - see number.h. */
#include "tools/common/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *digits_read(const char *text, uint64_t most, uint64_t *value)
{
    uint64_t read = 0;
    const char *at = text;
    for (; at && *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (digit > most || read > (most - digit) / 10)
            return NULL;
        read = read * 10 + digit;
    }
    *value = read;
    return at == text ? NULL : at;
}

bool number_count(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    uint64_t read;
    const char *end = digits_read(text, most, &read);
    if (!end || *end || read < least)
        return false;
    *value = read;
    return true;
}

bool number_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGTkmgt";
    uint64_t read;
    const char *end = digits_read(text, INT64_MAX, &read);
    const char *unit = end && *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * ((unsigned)(unit - units) % 4 + 1) : 0;
    if (!end || (*end && (!unit || end[1])) || read > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes = read << shift;
    return true;
}

bool number_real(const char *text, double *value)
{
    char *end;
    double read = strtod(text, &end);
    if (end == text || *end || !isfinite(read))
        return false;
    *value = read;
    return true;
}
