/* tools/common/file.c - see file.h. */
#include "tools/common/file.h"
#include "tools/common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define FILE_MOST ((size_t)1 << 32)
#define READ_MOST (1u << 24)

/* What zlib complains of, or NULL. */
static const char *damage_of(gzFile in)
{
    int status;
    const char *message = gzerror(in, &status);
    return status == Z_OK || status == Z_STREAM_END ? NULL : message;
}

/* Into file->text, whose room doubles. 0, EFBIG, or what read gave. */
static int text_read(gzFile in, struct file_text *file)
{
    size_t room = 1 << 16;
    file->text = memory_array(NULL, room, 1);
    for (int n = 1; n > 0; file->length += (size_t)n) {
        if (file->length + 1 == room) {
            if (room >= FILE_MOST)
                return EFBIG;
            file->text = memory_array(file->text, room *= 2, 1);
        }
        size_t left = room - file->length - 1;
        n = gzread(in, file->text + file->length, left < READ_MOST ? (unsigned)left : READ_MOST);
        int status;
        gzerror(in, &status);
        if (status == Z_ERRNO)
            return errno;
        n = n < 0 ? 0 : n;
        if (memchr(file->text + file->length, '\0', (size_t)n)) {
            file->length += strlen(file->text + file->length) + 1;
            return 0;
        }
    }
    return 0;
}

int file_read(const char *path, struct file_text *file)
{
    *file = (struct file_text){0};
    errno = 0;
    gzFile in = gzopen(path, "rbe");
    if (!in)
        return errno ? errno : ENOMEM;
    gzbuffer(in, 1 << 17);
    int error = text_read(in, file);
    const char *damage = error ? NULL : damage_of(in);
    if (damage)
        file->damage = strstr(damage, "unexpected end") ? "unexpected end of file" : "data error";
    gzclose(in);
    if (error) {
        free(file->text);
        file->text = NULL;
    } else {
        file->text[file->length] = '\0';
    }
    return error;
}

size_t file_begin(const char *path, void *to, size_t n)
{
    gzFile in = gzopen(path, "rbe");
    int got = in ? gzread(in, to, (unsigned)n) : 0;
    if (in)
        gzclose(in);
    return got > 0 ? (size_t)got : 0;
}

char *file_line(char **at, char *end, size_t *length)
{
    char *line = *at;
    if (line >= end)
        return NULL;
    char *next = memchr(line, '\n', (size_t)(end - line));
    next = next ? next : end;
    *length = (size_t)(next - line);
    *next = '\0';
    *at = next + 1;
    return line;
}

/* -- folders --------------------------------------------------------------------------------- */

static int word_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static long folder_list(struct option_list *list, const char *path, bool (*wanted)(const char *))
{
    size_t before = list->n;
    DIR *folder = opendir(path);
    if (!folder)
        return -1;
    long got = 0;
    for (struct dirent *entry; got >= 0 && (entry = readdir(folder));) {
        char inner[PATH_MAX];
        struct stat about;
        int n = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (*entry->d_name == '.' || n >= (int)sizeof inner || stat(inner, &about) != 0)
            continue;
        if (S_ISDIR(about.st_mode))
            got = folder_list(list, inner, wanted);
        else if (S_ISREG(about.st_mode) && wanted(inner))
            option_list_add(list, memory_text(inner, (size_t)n));
    }
    int error = errno;
    closedir(folder);
    errno = error;
    if (list->n > before)
        qsort(list->words + before, list->n - before, sizeof *list->words, word_compare);
    return got < 0 ? -1 : (long)(list->n - before);
}

long file_list(struct option_list *list, const char *path, bool (*wanted)(const char *))
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        return folder_list(list, path, wanted);
    option_list_add(list, memory_text(path, strlen(path)));
    return 1;
}
