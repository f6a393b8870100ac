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
    size_t room = sink->length < sink->size ? sink->size - sink->length - 1 : 0;
    if (sink->file) {
        errno = 0;
        if (fwrite(text, 1, length, sink->file) < length && !sink->error)
            sink->error = errno ? errno : EIO;
    } else if (room) {
        size_t kept = length < room ? length : room;
        memcpy(sink->buffer + sink->length, text, kept);
        sink->buffer[sink->length + kept] = '\0';
    }
    sink->length += length;
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

/* Writes text with each character that `escape` knows replaced; a byte that is no UTF-8 as
 * U+FFFD. `escape` returns what to write (in `room`), or NULL: the character itself. */
static void sink_escaped(struct weir__sink *sink, const char *text,
                         const char *(*escape)(unsigned char, char room[8]))
{
    char room[8];
    const char *plain = text; /* from here on nothing was replaced */
    while (*text) {
        size_t length = utf8_length((const unsigned char *)text);
        const char *instead = length <= 1 ? escape((unsigned char)*text, room) : NULL;
        if (!instead && length == 0)
            instead = "\xef\xbf\xbd";
        if (instead) {
            sink_bytes(sink, plain, (size_t)(text - plain));
            sink_bytes(sink, instead, strlen(instead));
        }
        text += length + (length == 0);
        plain = instead ? text : plain;
    }
    sink_bytes(sink, plain, (size_t)(text - plain));
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

static const char *escape_path(unsigned char c, char room[8])
{
    if (c == '"' || c == '\\')
        return escape_label(c, room);
    if (c >= 0x20 && c < 0x7f && c != '/' && c != '#' && c != '%')
        return NULL;
    snprintf(room, 8, "%%%02X", c);
    return room;
}

void weir__sink_path_text(struct weir__sink *sink, const char *name)
{
    sink_escaped(sink, name, escape_path);
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
