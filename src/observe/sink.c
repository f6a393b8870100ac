/* observe/sink.c - see sink.h. */
#include "observe/sink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static void sink_vprint(struct weir__sink *sink, const char *format, va_list arguments)
{
    int n;
    if (sink->file) {
        errno = 0;
        n = vfprintf(sink->file, format, arguments);
        if (n < 0 && !sink->error)
            sink->error = errno ? errno : EIO;
    } else {
        size_t room = sink->length < sink->size ? sink->size - sink->length : 0;
        n = vsnprintf(room ? sink->buffer + sink->length : NULL, room, format, arguments);
    }
    if (n > 0)
        sink->length += (size_t)n;
}

void weir__sink_print(struct weir__sink *sink, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    sink_vprint(sink, format, arguments);
    va_end(arguments);
}

static void sink_bytes(struct weir__sink *sink, const char *text, size_t length)
{
    weir__sink_print(sink, "%.*s", (int)length, text);
}

/* Length of the well-formed UTF-8 sequence at `text` (Unicode 15, table 3-7), or 0. */
static size_t utf8_length(const unsigned char *text)
{
    unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = length > 2 ? text[1] : 0x80;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

/* Writes text with each character that `escape` knows replaced; what is no UTF-8 as
 * U+FFFD. `escape` returns what to write (in `room`), or NULL: the character itself. */
static void sink_escaped(struct weir__sink *sink, const char *text,
                         const char *(*escape)(unsigned char, char room[8]))
{
    char room[8];
    while (*text) {
        size_t length = utf8_length((const unsigned char *)text);
        const char *instead = length == 1   ? escape((unsigned char)*text, room)
                              : length == 0 ? "\xef\xbf\xbd"
                                            : NULL;
        length += length == 0;
        if (instead)
            weir__sink_print(sink, "%s", instead);
        else
            sink_bytes(sink, text, length);
        text += length;
    }
}

static const char *escape_json(unsigned char c, char room[8])
{
    if (c == '"')
        return "\\\"";
    if (c == '\\')
        return "\\\\";
    if (c >= 0x20 && c != 0x7f)
        return NULL;
    snprintf(room, 8, "\\u%04x", c);
    return room;
}

static const char *escape_label(unsigned char c, char room[8])
{
    (void)room;
    return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : NULL;
}

static const char *escape_plain(unsigned char c, char room[8])
{
    (void)room;
    return c < 0x20 || c == 0x7f ? "?" : NULL;
}

void weir__sink_json_text(struct weir__sink *sink, const char *text)
{
    sink_escaped(sink, text, escape_json);
}

void weir__sink_label_text(struct weir__sink *sink, const char *text)
{
    sink_escaped(sink, text, escape_label);
}

void weir__sink_path_text(struct weir__sink *sink, const char *name)
{
    while (*name) {
        const unsigned char *at = (const unsigned char *)name;
        size_t length = utf8_length(at);
        bool coded = length == 0 || *at < 0x20 || *at == 0x7f || strchr("/#%", *at);
        if (coded)
            weir__sink_print(sink, "%%%02X", *at);
        else if (*at == '"' || *at == '\\')
            weir__sink_print(sink, "\\%c", *at);
        else
            sink_bytes(sink, name, length);
        name += length ? length : 1;
    }
}

void weir__sink_plain_text(struct weir__sink *sink, const char *text, int width)
{
    sink_escaped(sink, text, escape_plain);
    int columns = 0;
    for (const char *c = text; *c; c++)
        columns += ((unsigned char)*c & 0xc0) != 0x80;
    if (columns < width)
        weir__sink_print(sink, "%*s", width - columns, "");
}

void weir__sink_figure(struct weir__sink *sink, size_t figure, const char *unsupported)
{
    if (figure == SIZE_MAX)
        weir__sink_print(sink, "%s", unsupported);
    else
        weir__sink_print(sink, "%zu", figure);
}

int weir__sink_finish(struct weir__sink *sink)
{
    if (sink->file && !sink->error && fflush(sink->file) != 0)
        sink->error = errno ? errno : EIO;
    if (sink->error)
        return sink->error;
    return !sink->file && sink->length >= sink->size ? ENOSPC : 0;
}
