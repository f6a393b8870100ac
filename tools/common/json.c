/* tools/common/json.c - see json.h. */
#include "tools/common/json.h"
#include "tools/common/text.h"

#include <inttypes.h>
#include <math.h>

static void text_write(FILE *to, const char *text)
{
    putc('"', to);
    while (*text) {
        size_t n = text_utf8(text);
        if (n == 0)
            fputs("\xef\xbf\xbd", to);
        else if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else if ((unsigned char)*text < 0x20 || *text == 0x7f)
            fprintf(to, "\\u%04x", (unsigned)*text);
        else
            fwrite(text, 1, n, to);
        text += n ? n : 1;
    }
    putc('"', to);
}

void json_key(struct json *j, const char *key)
{
    if (j->comma)
        fputs(j->comma, j->to);
    j->comma = ",";
    if (!key)
        return;
    text_write(j->to, key);
    putc(':', j->to);
}

static void begin(struct json *j, const char *key, char first, char last)
{
    json_key(j, key);
    putc(first, j->to);
    j->ends[j->depth++] = last;
    j->comma = NULL;
}

void json_object(struct json *j, const char *key)
{
    begin(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
    begin(j, key, '[', ']');
}

void json_end(struct json *j)
{
    putc(j->ends[--j->depth], j->to);
    j->comma = ",";
    if (!j->depth)
        putc('\n', j->to);
}

void json_line(struct json *j)
{
    j->comma = j->comma ? ",\n" : "\n";
}

void json_text(struct json *j, const char *key, const char *text)
{
    if (!text) {
        json_null(j, key);
        return;
    }
    json_key(j, key);
    text_write(j->to, text);
}

void json_count(struct json *j, const char *key, uint64_t value)
{
    json_key(j, key);
    fprintf(j->to, "%" PRIu64, value);
}

void json_signed(struct json *j, const char *key, int64_t value)
{
    json_key(j, key);
    fprintf(j->to, "%" PRId64, value);
}

void json_real(struct json *j, const char *key, double value)
{
    json_key(j, key);
    if (isfinite(value))
        fprintf(j->to, "%.10g", value);
    else
        fputs("null", j->to);
}

void json_bool(struct json *j, const char *key, bool value)
{
    json_key(j, key);
    fputs(value ? "true" : "false", j->to);
}

void json_null(struct json *j, const char *key)
{
    json_key(j, key);
    fputs("null", j->to);
}
