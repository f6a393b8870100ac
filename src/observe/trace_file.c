/* observe/trace_file.c - see trace_file.h. */
#include "observe/trace_file.h"

#include "backing/meta.h"
#include "base/message.h"
#include "observe/bytes.h"
#include "observe/format.h"
#include "observe/trace_frame.h"
#include "observe/trace_sink.h"
#include "os/locks.h"
#include "os/residence.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    weir__lock lock;
    int fd;        /* -1: none */
    int error;     /* atomic; the first */
    uint64_t end;  /* of the last whole record; atomic for readers */
    uint64_t room; /* where ROOM is, or 0 */
    dev_t device;  /* what `fd` must be: the program may close it and open its own file */
    ino_t inode;
} file = {.lock = WEIR__LOCK(RECORDING), .fd = -1};
WEIR__LOCKS_KNOW(RECORDING, &file.lock);

/* -- the descriptor ---------------------------------------------------------------------- */

/* Out of the way of programs that count on the lowest numbers. */
static int descriptor_move_up(int fd)
{
    static const int least[] = {1000, 500, 200, 60};
    for (size_t i = 0; i < sizeof least / sizeof *least; i++) {
        int high = fcntl(fd, F_DUPFD_CLOEXEC, least[i]);
        if (high >= 0) {
            close(fd);
            return high;
        }
    }
    return fd;
}

/* Does the number still stand for our file? It must be asked before each write, truncation
 * and close: whatever else the number stands for is the program's. */
static bool descriptor_is_ours(void)
{
    struct stat about;
    return file.fd >= 0 && fstat(file.fd, &about) == 0 && about.st_dev == file.device &&
           about.st_ino == file.inode;
}

static void descriptor_close(void)
{
    if (descriptor_is_ours())
        close(file.fd);
    file.fd = -1;
}

/* The program took the number: the recording ends, and the program is told once. */
static int descriptor_lost(void)
{
    weir__message_print("weir: the recording ended: the program closed the descriptor of its file");
    file.fd = -1;
    return EBADF;
}

/* -- writing ------------------------------------------------------------------------------ */

/* A write beyond the limit on file sizes would be a signal that ends the program. */
static bool within_limit(uint64_t end)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           end <= limit.rlim_cur;
}

static int record_write_locked(uint32_t type, const void *head, size_t nhead, const void *body,
                               size_t nbody, uint64_t offset)
{
    if (!descriptor_is_ours())
        return descriptor_lost();
    if (!within_limit(offset + WEIR__TRACE_RECORD + nhead + nbody))
        return EFBIG;
    return weir__trace_frame_write(file.fd, type, head, nhead, body, nbody, offset);
}

static void fail_locked(int error)
{
    __atomic_store_n(&file.error, error, __ATOMIC_RELAXED);
    if (descriptor_is_ours() && ftruncate(file.fd, (off_t)file.end) != 0)
        return; /* a torn record at the end is as good as none */
}

bool weir__trace_file_write(uint32_t type, const void *head, size_t nhead, const void *body,
                            size_t nbody)
{
    int saved = errno;
    weir__lock_take(&file.lock);
    bool written = file.fd >= 0 && !file.error;
    if (written) {
        int error = record_write_locked(type, head, nhead, body, nbody, file.end);
        written = !error;
        if (error)
            fail_locked(error);
        else
            __atomic_store_n(&file.end, file.end + WEIR__TRACE_RECORD + nhead + nbody,
                             __ATOMIC_RELAXED);
    }
    weir__lock_drop(&file.lock);
    errno = saved;
    return written;
}

bool weir__trace_file_reserve(void)
{
    static const unsigned char zeros[WEIR__TRACE_FOOT_MOST];
    uint64_t at = file.end;
    if (!weir__trace_file_write(WEIR__TRACE_ROOM, zeros, sizeof zeros, NULL, 0))
        return false;
    file.room = at;
    return true;
}

static int preamble_write(void)
{
    return within_limit(WEIR__TRACE_PREAMBLE) ? weir__trace_preamble_write(file.fd) : EFBIG;
}

/* A fifo without a reader would stop the program here; a device would take anything. */
static int regular_open(const char *path, struct stat *about)
{
    if (stat(path, about) == 0 && !S_ISREG(about->st_mode) && !S_ISDIR(about->st_mode))
        return -ESPIPE; /* to open it is an event for who is at its other end */
    int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, about) != 0               ? errno
                : !S_ISREG(about->st_mode)          ? ESPIPE
                : flock(fd, LOCK_EX | LOCK_NB) != 0 ? errno
                                                    : 0;
    if (!error && ftruncate(fd, 0) != 0)
        error = errno;
    if (error)
        close(fd);
    return error ? -error : descriptor_move_up(fd);
}

int weir__trace_file_open(const char *path)
{
    struct stat about;
    int fd = regular_open(path, &about);
    if (fd < 0)
        return -fd;
    weir__lock_take(&file.lock);
    file.fd = fd;
    file.device = about.st_dev;
    file.inode = about.st_ino;
    file.room = 0;
    file.error = preamble_write();
    __atomic_store_n(&file.end, WEIR__TRACE_PREAMBLE, __ATOMIC_RELAXED);
    int error = file.error;
    if (error)
        descriptor_close();
    weir__lock_drop(&file.lock);
    return error;
}

int weir__trace_file_close(const void *foot, size_t n)
{
    unsigned char padded[WEIR__TRACE_FOOT_MOST] = {0};
    memcpy(padded, foot, weir__min(n, sizeof padded));
    int saved = errno;
    weir__trace_file_write(WEIR__TRACE_FOOT, foot, n, NULL, 0);
    weir__lock_take(&file.lock);
    int error = file.error;
    if (error && file.room && file.fd >= 0)
        record_write_locked(WEIR__TRACE_FOOT, padded, sizeof padded, NULL, 0, file.room);
    descriptor_close();
    weir__lock_drop(&file.lock);
    errno = saved;
    return error;
}

void weir__trace_file_forget(void)
{
    descriptor_close();
}

int weir__trace_file_error(void)
{
    return __atomic_load_n(&file.error, __ATOMIC_RELAXED);
}

uint64_t weir__trace_file_bytes(void)
{
    return __atomic_load_n(&file.end, __ATOMIC_RELAXED);
}

/* -- as a sink ---------------------------------------------------------------------------- */

#define CHUNK_BYTES ((size_t)48 * 1024)

/* Weir's own memory; a stream keeps it for ever. */
static struct weir__run_chunk *file_chunk_take(size_t *bytes)
{
    *bytes = CHUNK_BYTES;
    return weir__meta_allocate(sizeof(struct weir__run_chunk) + CHUNK_BYTES);
}

static bool file_chunk_done(struct weir__run_chunk **chunk)
{
    struct weir__run_chunk *full = *chunk;
    unsigned char head[5 * WEIR__VARINT_MOST];
    size_t n = (size_t)(weir__chunk_head(head, full, full->filled >> 32) - head);
    return weir__trace_file_write(WEIR__TRACE_EVTS, head, n, full->bytes, (uint32_t)full->filled);
}

const struct weir__trace_sink weir__trace_file_sink = {
    .write = weir__trace_file_write, .chunk_take = file_chunk_take, .chunk_done = file_chunk_done};
