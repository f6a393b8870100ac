#include "tools/symbols/mapped.h"

#include "tools/common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Not the devices and pipes that a trace may name: O_NONBLOCK, and only plain files. */
static const char *mapped_map(struct mapped *mapped, const char *path)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return strerror(errno);
    const char *why = NULL;
    if (fstat(fd, &about) != 0)
        why = strerror(errno);
    else if (!S_ISREG(about.st_mode))
        why = "it is no plain file";
    else if (about.st_size <= 0)
        why = "it is empty";
    else {
        mapped->size = (size_t)about.st_size;
        mapped->bytes = mmap(NULL, mapped->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (mapped->bytes == MAP_FAILED) {
            mapped->bytes = NULL;
            why = strerror(errno);
        }
    }
    close(fd);
    return why;
}

const char *mapped_open(struct mapped *mapped, const char *path)
{
    *mapped = (struct mapped){0};
    const char *why = mapped_map(mapped, path);
    if (!why)
        why = image_open(&mapped->image, mapped->bytes, mapped->size);
    mapped->path = memory_text(path, strlen(path));
    if (why)
        mapped_close(mapped);
    return why;
}

void mapped_close(struct mapped *mapped)
{
    if (mapped->bytes)
        munmap(mapped->bytes, mapped->size);
    free(mapped->path);
    *mapped = (struct mapped){0};
}

const char *mapped_build_id(const struct mapped *mapped, char text[2 * MAPPED_ID_MOST + 1])
{
    const unsigned char *id = NULL;
    size_t length = image_build_id(&mapped->image, &id);
    if (length > MAPPED_ID_MOST)
        length = 0;
    for (size_t i = 0; i < length; i++)
        sprintf(text + 2 * i, "%02x", id[i]);
    text[2 * length] = '\0';
    return text;
}

/* -- debug files ----------------------------------------------------------------------------------
 */

static bool mapped_has_id(const struct mapped *mapped, const char *id)
{
    char own[2 * MAPPED_ID_MOST + 1];
    return *id && strcmp(mapped_build_id(mapped, own), id) == 0;
}

bool mapped_debug_by_id(struct mapped *debug, const char *folder, const char *id)
{
    char path[4096];
    if (strlen(id) < 4 || id[strspn(id, "0123456789abcdef")] ||
        snprintf(path, sizeof path, "%s/.build-id/%.2s/%s.debug", folder, id, id + 2) >=
            (int)sizeof path ||
        mapped_open(debug, path) != NULL)
        return false;
    if (mapped_has_id(debug, id))
        return true;
    mapped_close(debug);
    return false;
}

static bool is_debug_of(const struct mapped *debug, const struct mapped *binary, uint32_t crc)
{
    char own[2 * MAPPED_ID_MOST + 1], its[2 * MAPPED_ID_MOST + 1];
    if (*mapped_build_id(binary, own) && *mapped_build_id(debug, its))
        return strcmp(own, its) == 0;
    return crc32_z(0, debug->bytes, debug->size) == crc;
}

bool mapped_debug_by_link(struct mapped *debug, const char *folder, const struct mapped *binary)
{
    uint32_t crc;
    const char *name = image_debug_link(&binary->image, &crc);
    const char *slash = strrchr(binary->path, '/');
    int length = slash ? (int)(slash - binary->path) : 0;
    const char *own = slash ? binary->path : ".";
    if (!name)
        return false;
    for (int place = 0; place < 3; place++) {
        char path[4096];
        int n = snprintf(path, sizeof path,
                         place == 0   ? "%s%.*s/%s"
                         : place == 1 ? "%s%.*s/.debug/%s"
                                      : "%s%.*s/%s",
                         place == 2 ? folder : "", slash ? length : 1, own, name);
        if (n >= (int)sizeof path || mapped_open(debug, path) != NULL)
            continue;
        if (is_debug_of(debug, binary, crc))
            return true;
        mapped_close(debug);
    }
    return false;
}
