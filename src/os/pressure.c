/* os/pressure.c - see pressure.h. */
#include "os/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A file of the user's that merely lies there is not to be written to. */
static int file_classify(struct weir__os_pressure *pressure)
{
    struct stat status;
    struct statfs system;
    if (fstat(pressure->file, &status) != 0 || fstatfs(pressure->file, &system) != 0)
        return errno;
    pressure->fifo = S_ISFIFO(status.st_mode);
    bool kernels = system.f_type == PROC_SUPER_MAGIC || system.f_type == CGROUP2_SUPER_MAGIC;
    return pressure->fifo || kernels ? 0 : EINVAL;
}

/* The kernel wants the final NUL, too. */
static int trigger_write(const struct weir__os_pressure *pressure, const char *trigger)
{
    size_t size = strlen(trigger) + 1;
    if (pressure->fifo || write(pressure->file, trigger, size) == (ssize_t)size)
        return 0;
    return errno == EOPNOTSUPP ? ENOTSUP : errno;
}

/* A FIFO is opened to be written as well: so it always has a writer. */
static int file_open(struct weir__os_pressure *pressure, const char *path, const char *trigger)
{
    pressure->file = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (pressure->file < 0)
        return errno == EOPNOTSUPP ? ENOTSUP : errno;
    int error = file_classify(pressure);
    return error ? error : trigger_write(pressure, trigger);
}

int weir__os_pressure_open(struct weir__os_pressure *pressure, const char *path,
                           const char *trigger)
{
    int saved = errno;
    pressure->wake = -1;
    int error = file_open(pressure, path, trigger);
    if (!error && (pressure->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        error = errno;
    if (error)
        weir__os_pressure_close(pressure);
    errno = saved;
    return error;
}

void weir__os_pressure_close(struct weir__os_pressure *pressure)
{
    int saved = errno;
    if (pressure->file >= 0)
        close(pressure->file);
    if (pressure->wake >= 0)
        close(pressure->wake);
    pressure->file = pressure->wake = -1;
    errno = saved;
}

static void fifo_drain(int file)
{
    char bytes[512];
    while (read(file, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        ;
}

/* A kernel's file is readable at all times: events are POLLPRI. POLLERR: its group is gone. */
enum weir__os_told weir__os_pressure_wait(struct weir__os_pressure *pressure)
{
    int saved = errno;
    short event = pressure->fifo ? POLLIN : POLLPRI;
    struct pollfd waits[] = {{pressure->file, event, 0}, {pressure->wake, POLLIN, 0}};
    while (poll(waits, 2, -1) < 0 && (errno == EINTR || errno == EAGAIN))
        ;
    if (pressure->fifo && waits[0].revents & POLLIN)
        fifo_drain(pressure->file);
    errno = saved;
    if (waits[1].revents)
        return WEIR__OS_WOKEN;
    return waits[0].revents & event ? WEIR__OS_PRESSED : WEIR__OS_LOST;
}

void weir__os_pressure_wake(struct weir__os_pressure *pressure)
{
    int saved = errno;
    uint64_t one = 1;
    ssize_t written = write(pressure->wake, &one, sizeof one);
    (void)written; /* full: it is woken already */
    errno = saved;
}
