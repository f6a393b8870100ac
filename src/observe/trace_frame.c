/* observe/trace_frame.c - see trace_frame.h. */
#include "observe/trace_frame.h"

#include "observe/crc32.h"
#include "observe/format.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

/* The parts are changed. */
static int parts_write(int file, struct iovec *parts, int nparts, uint64_t offset)
{
    while (nparts) {
        ssize_t n = pwritev(file, parts, nparts, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        offset += (uint64_t)n;
        for (; nparts && (size_t)n >= parts->iov_len; parts++, nparts--)
            n -= (ssize_t)parts->iov_len;
        if (nparts) {
            parts->iov_base = (char *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return 0;
}

static void put_word(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

size_t weir__trace_frame_put(unsigned char *at, uint32_t type, const void *payload, uint32_t length)
{
    put_word(at, type);
    put_word(at + 4, length);
    put_word(at + 8, weir__crc32(weir__crc32(0, at, 8), payload, length));
    memcpy(at + WEIR__TRACE_RECORD, payload, length);
    return WEIR__TRACE_RECORD + length;
}

int weir__trace_bytes_write(int file, const void *bytes, size_t n, uint64_t offset)
{
    return parts_write(file, &(struct iovec){(void *)(uintptr_t)bytes, n}, 1, offset);
}

int weir__trace_frame_write(int file, uint32_t type, const void *head, size_t nhead,
                            const void *body, size_t nbody, uint64_t offset)
{
    unsigned char front[WEIR__TRACE_RECORD];
    put_word(front, type);
    put_word(front + 4, (uint32_t)(nhead + nbody));
    uint32_t crc = weir__crc32(weir__crc32(0, front, 8), head, nhead);
    put_word(front + 8, weir__crc32(crc, body, nbody));
    struct iovec parts[] = {
        {front, sizeof front}, {(void *)(uintptr_t)head, nhead}, {(void *)(uintptr_t)body, nbody}};
    return parts_write(file, parts, nbody ? 3 : 2, offset);
}

int weir__trace_preamble_write(int file)
{
    unsigned char bytes[WEIR__TRACE_PREAMBLE] = WEIR__TRACE_MAGIC;
    bytes[8] = WEIR__TRACE_MAJOR;
    bytes[10] = WEIR__TRACE_MINOR;
    return parts_write(file, &(struct iovec){bytes, sizeof bytes}, 1, 0);
}
