/* observe/recorder_process.c - see recorder.h. Nothing here allocates. */
#include "observe/recorder.h"

#include "observe/bytes.h"
#include "observe/event.h"
#include "observe/format.h"
#include "observe/stacks.h"
#include "observe/trace_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <weir/version.h>

#define COMMAND_MOST 1000

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

/* "Linux 6.1.0 x86_64" */
static unsigned char *host_put(unsigned char *at, const struct utsname *host)
{
    char text[3 * sizeof host->sysname + 3];
    int n = snprintf(text, sizeof text, "%s %s %s", host->sysname, host->release, host->machine);
    return weir__put_string(at, text, n > 0 ? (size_t)n : 0, 256);
}

bool weir__recorder_head(const char *root_name, int pid, const char *known, uint64_t stacks_from)
{
    char command[COMMAND_MOST];
    unsigned char record[COMMAND_MOST + 1024], *at = record;
    struct utsname host;
    int saved = errno;
    bool stacks = stacks_from != WEIR__STACKS_OFF;
    at = weir__put_varint(at, (uint64_t)pid);
    at = weir__put_varint(at, clock_ns(CLOCK_REALTIME));
    at = weir__recorder_put_now(at);
    size_t n = known ? strlen(known) : command_read(command, sizeof command);
    at = weir__put_string(at, known ? known : command, n, sizeof command);
    at = weir__put_string(at, WEIR_VERSION, strlen(WEIR_VERSION), 64);
    at = weir__put_string(at, root_name, strlen(root_name), 256);
    at = weir__put_varint(at, (uint64_t)sysconf(_SC_PAGESIZE));
    at = weir__put_varint(at, stacks);
    at = weir__put_varint(at, stacks ? stacks_from : 0);
    if (uname(&host) != 0)
        memset(&host, 0, sizeof host);
    at = host_put(at, &host);
    errno = saved;
    return weir__trace_write(WEIR__TRACE_HEAD, record, (size_t)(at - record), NULL, 0);
}
