/*
 * os/cgroup.c - see cgroup.h. The group is found by two files: /proc/self/cgroup names it within
 * its hierarchy, /proc/self/mountinfo says which part of a hierarchy lies where.
 *
 *     cgroup      0::/app/worker                    (version 1: 4:memory:/app/worker)
 *     mountinfo   35 31 0:32 /app /sys/fs/cgroup rw - cgroup2 cgroup2 rw
 *                            ^root ^point             ^type           ^options
 *     folder      /sys/fs/cgroup/worker
 */
#include "os/cgroup.h"

#include "base/bits.h"
#include "os/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM 2048

/* A file below `root`. */
static bool root_open(struct weir__os_lines *in, const char *root, const char *path)
{
    char name[PATH_ROOM];
    return (size_t)snprintf(name, sizeof name, "%s%s", root, path) < sizeof name &&
           weir__os_lines_open(in, name);
}

/* -- numbers -------------------------------------------------------------------------------- */

/* The number that `text` begins with; false: it does not ("max"). */
static bool number_parse(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return end != text && *text >= '0' && *text <= '9';
}

static bool number_read(const char *path, uint64_t *number)
{
    char text[32];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return number_parse(text, number);
}

/* MemTotal, which is in KiB. */
static bool machine_memory(struct weir__os_lines *in, const char *root, uint64_t *bytes)
{
    static const char key[] = "MemTotal:";
    bool found = false;
    if (!root_open(in, root, "/proc/meminfo"))
        return false;
    for (const char *line; !found && (line = weir__os_lines_next(in));)
        if (strncmp(line, key, sizeof key - 1) == 0)
            found = number_parse(line + sizeof key - 1 + strspn(line + sizeof key - 1, " "), bytes);
    weir__os_lines_close(in);
    if (found)
        *bytes *= 1024;
    return found;
}

/* -- where the group is --------------------------------------------------------------------- */

enum version { VERSION_1 = 1, VERSION_2 };

/* Is `item` one of those that commas separate? */
static bool list_has(const char *list, const char *item)
{
    size_t length = strlen(item);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, item, length) == 0 && (!at[length] || at[length] == ','))
            return true;
    }
    return false;
}

/* "ID:CONTROLLERS:PATH": the path, if the line is that hierarchy's. */
static const char *group_parse(char *line, enum version version)
{
    char *controllers = strchr(line, ':'),
         *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return NULL;
    *path++ = '\0';
    controllers++;
    bool mine = version == VERSION_2 ? !*controllers : list_has(controllers, "memory");
    return mine && *path == '/' ? path : NULL;
}

/* The group's path within its hierarchy. */
static bool group_find(struct weir__os_lines *in, const char *root, enum version version,
                       char path[PATH_ROOM])
{
    const char *found = NULL;
    if (!root_open(in, root, "/proc/self/cgroup"))
        return false;
    for (char *line; !found && (line = weir__os_lines_next(in));)
        found = group_parse(line, version);
    bool fits = found && strlen(found) < PATH_ROOM;
    if (fits)
        memcpy(path, found, strlen(found) + 1);
    weir__os_lines_close(in);
    return fits;
}

/* Fields of a line of mountinfo. */
struct mount {
    char *root, *point, *type, *options;
};

/* "\040" and the like become what they mean, in place. */
static void escapes_resolve(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        bool escape = at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] && at[3];
        if (escape)
            *to = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
        else
            *to = *at;
        at += escape ? 4 : 1;
    }
    *to = '\0';
}

static bool mount_parse(char *line, struct mount *mount)
{
    char *rest = strstr(line, " - ");
    if (!rest)
        return false;
    *rest = '\0';
    rest += 3;
    strsep(&line, " "); /* its number, its parent's, the device */
    strsep(&line, " ");
    strsep(&line, " ");
    mount->root = strsep(&line, " ");
    mount->point = strsep(&line, " ");
    mount->type = strsep(&rest, " ");
    strsep(&rest, " ");
    mount->options = rest;
    if (!mount->point || !mount->options)
        return false;
    escapes_resolve(mount->root);
    escapes_resolve(mount->point);
    return true;
}

static bool mount_is(const struct mount *mount, enum version version)
{
    if (version == VERSION_2)
        return strcmp(mount->type, "cgroup2") == 0;
    return strcmp(mount->type, "cgroup") == 0 && list_has(mount->options, "memory");
}

/* What of `path` lies below the mount's root; NULL: it is not in there. */
static const char *path_below(const char *path, const char *root)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    const char *rest = path + length;
    if (strncmp(path, root, length) != 0 || (*rest && *rest != '/'))
        return NULL;
    return strncmp(rest, "/..", 3) == 0 ? NULL : strcmp(rest, "/") == 0 ? "" : rest;
}

/* A group's folder, and how much of its path is the mount's. */
struct folder {
    size_t length, top; /* top 0: none was found */
    size_t hidden;      /* length of the mount's own root; SIZE_MAX: the group is outside of it */
    char path[PATH_ROOM];
};

/* The mount that shows the most of the path is the best. One that does not show the group at all,
 * as after a move across namespaces, still shows the limits of what is at its top. */
static void folder_try(struct folder *best, const char *root, const struct mount *mount,
                       const char *group)
{
    const char *rest = path_below(group, mount->root);
    size_t hidden = rest ? strlen(mount->root) : SIZE_MAX;
    size_t top = strlen(root) + strlen(mount->point), length = top + (rest ? strlen(rest) : 0);
    if ((best->top && hidden >= best->hidden) || length + 1 > sizeof best->path)
        return;
    snprintf(best->path, sizeof best->path, "%s%s%s", root, mount->point, rest ? rest : "");
    best->top = top;
    best->length = length;
    best->hidden = hidden;
}

static bool folder_find(struct weir__os_lines *in, const char *root, enum version version,
                        struct folder *folder)
{
    char group[PATH_ROOM];
    struct mount mount;
    folder->top = 0;
    if (!group_find(in, root, version, group) || !root_open(in, root, "/proc/self/mountinfo"))
        return false;
    for (char *line; (line = weir__os_lines_next(in));)
        if (mount_parse(line, &mount) && mount_is(&mount, version))
            folder_try(folder, root, &mount, group);
    weir__os_lines_close(in);
    return folder->top != 0;
}

/* The path of a file in the folder; false: it does not fit. */
static bool folder_file(struct folder *folder, const char *name)
{
    size_t size = sizeof folder->path - folder->length;
    return (size_t)snprintf(folder->path + folder->length, size, "/%s", name) < size;
}

/* False: this is the top. */
static bool folder_up(struct folder *folder)
{
    if (folder->length <= folder->top)
        return false;
    while (folder->length > folder->top && folder->path[--folder->length] != '/')
        ;
    return true;
}

/* -- questions ------------------------------------------------------------------------------ */

/* Lowers *bytes to the least limit from the group up. */
static void limits_read(struct weir__os_lines *in, const char *root, enum version version,
                        uint64_t *bytes)
{
    const char *name = version == VERSION_2 ? "memory.max" : "memory.limit_in_bytes";
    struct folder folder;
    uint64_t limit;
    if (!folder_find(in, root, version, &folder))
        return;
    do {
        if (folder_file(&folder, name) && number_read(folder.path, &limit))
            *bytes = weir__min(*bytes, limit);
    } while (folder_up(&folder));
}

bool weir__cgroup_memory(const char *root, uint64_t *bytes)
{
    struct weir__os_lines in;
    int saved = errno;
    bool told = machine_memory(&in, root, bytes);
    if (told) {
        limits_read(&in, root, VERSION_1, bytes);
        limits_read(&in, root, VERSION_2, bytes);
    }
    errno = saved;
    return told;
}

bool weir__cgroup_pressure(const char *root, char *path, size_t size)
{
    struct weir__os_lines in;
    struct folder folder;
    int saved = errno;
    bool own = folder_find(&in, root, VERSION_2, &folder) &&
               folder_file(&folder, "memory.pressure") && access(folder.path, F_OK) == 0;
    int length = own ? snprintf(path, size, "%s", folder.path)
                     : snprintf(path, size, "%s/proc/pressure/memory", root);
    bool there = (size_t)length < size && access(path, F_OK) == 0;
    errno = saved;
    return there;
}
