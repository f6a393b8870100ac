/* observe/recorder_process.c - see recorder.h. Nothing here allocates. */
#include "observe/recorder.h"

#include "observe/bytes.h"
#include "observe/event.h"
#include "observe/format.h"
#include "observe/trace_sink.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <time.h>
#include <unistd.h>
#include <weir/version.h>

#define COMMAND_MOST 1000
#define PATH_MOST    1000
#define ID_MOST      64

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned char *weir__recorder_put_now(unsigned char *at)
{
    at = weir__put_varint(at, weir__trace_ticks());
    return weir__put_varint(at, clock_ns(CLOCK_MONOTONIC));
}

/* The arguments, spaces between them. */
static size_t command_read(char *text, size_t size)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size) : -1;
    if (fd >= 0)
        close(fd);
    while (n > 0 && text[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return n > 0 ? (size_t)n : 0;
}

bool weir__recorder_head(const char *root_name, int pid, const char *known)
{
    char command[COMMAND_MOST];
    unsigned char record[COMMAND_MOST + 512], *at = record;
    int saved = errno;
    at = weir__put_varint(at, (uint64_t)pid);
    at = weir__put_varint(at, clock_ns(CLOCK_REALTIME));
    at = weir__recorder_put_now(at);
    size_t n = known ? strlen(known) : command_read(command, sizeof command);
    at = weir__put_string(at, known ? known : command, n, sizeof command);
    at = weir__put_string(at, WEIR_VERSION, strlen(WEIR_VERSION), 64);
    at = weir__put_string(at, root_name, strlen(root_name), 256);
    at = weir__put_varint(at, (uint64_t)sysconf(_SC_PAGESIZE));
    errno = saved;
    return weir__trace_write(WEIR__TRACE_HEAD, record, (size_t)(at - record), NULL, 0);
}

/* -- modules -------------------------------------------------------------------------------- */

/* The build id among the notes of a segment; its length, or 0. */
static size_t notes_build_id(const char *notes, size_t size, const unsigned char **id)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)notes;
        size_t name = (note->n_namesz + 3u) & ~(size_t)3,
               whole = (note->n_descsz + 3u) & ~(size_t)3;
        size_t length = sizeof *note + name + whole;
        if (length > size)
            return 0;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            memcmp(notes + sizeof *note, "GNU", 4) == 0) {
            *id = (const unsigned char *)notes + sizeof *note + name;
            return note->n_descsz;
        }
        notes += length;
        size -= length;
    }
    return 0;
}

static int module_write(struct dl_phdr_info *info, size_t size, void *count)
{
    unsigned char record[PATH_MOST + ID_MOST + 64], *at = record;
    char path[PATH_MOST];
    const unsigned char *id = NULL;
    size_t id_length = 0, end = 0, length = strlen(info->dlpi_name);
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD)
            end = weir__max(end, segment->p_vaddr + segment->p_memsz);
        if (segment->p_type == PT_NOTE && !id_length)
            id_length = notes_build_id((const char *)info->dlpi_addr + segment->p_vaddr,
                                       segment->p_memsz, &id);
    }
    const char *name = info->dlpi_name;
    if (!length && (*(size_t *)count)++ == 0) { /* the program comes first, without a name */
        ssize_t n = readlink("/proc/self/exe", path, sizeof path);
        length = n > 0 ? (size_t)n : 0;
        name = path;
    }
    at = weir__put_varint(at, info->dlpi_addr);
    at = weir__put_varint(at, end);
    at = weir__put_string(at, name, length, PATH_MOST);
    at = weir__put_string(at, id ? id : (const unsigned char *)"", id_length, ID_MOST);
    weir__trace_write(WEIR__TRACE_MODL, record, (size_t)(at - record), NULL, 0);
    return 0;
}

void weir__recorder_modules(void)
{
    size_t nameless = 0;
    int saved = errno;
    dl_iterate_phdr(module_write, &nameless);
    errno = saved;
}
