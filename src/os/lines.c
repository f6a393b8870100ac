/* os/lines.c - see lines.h. */
#include "os/lines.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool weir__os_lines_open(struct weir__os_lines *in, const char *path)
{
    in->passing = false;
    in->at = in->end = 0;
    in->file = open(path, O_RDONLY | O_CLOEXEC);
    return in->file >= 0;
}

/* Moves what is left to the front and reads on; false: that was the last of it. */
static bool lines_fill(struct weir__os_lines *in)
{
    in->end -= in->at;
    memmove(in->text, in->text + in->at, in->end);
    in->at = 0;
    if (in->end == sizeof in->text) {
        in->passing = true;
        in->end = 0;
    }
    ssize_t got = read(in->file, in->text + in->end, sizeof in->text - in->end);
    in->end += got > 0 ? (size_t)got : 0;
    return got > 0;
}

char *weir__os_lines_next(struct weir__os_lines *in)
{
    for (;;) {
        char *line = in->text + in->at, *end = memchr(line, '\n', in->end - in->at);
        if (!end) {
            if (!lines_fill(in))
                return NULL;
            continue;
        }
        *end = '\0';
        in->at = (size_t)(end - in->text) + 1;
        if (!in->passing)
            return line;
        in->passing = false;
    }
}

void weir__os_lines_close(struct weir__os_lines *in)
{
    close(in->file);
}
