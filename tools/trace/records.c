/* tools/trace/records.c - see records.h. */
#include "tools/trace/records.h"
#include "tools/common/memory.h"

#include "observe/crc32.h"
#include "observe/format.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file made to look like records everywhere would be read again and again: next to its size,
 * so many bytes of false ones end the search. */
#define WASTED_MOST (UINT64_C(64) << 20)

ssize_t trace_read_at(int fd, void *to, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int trace_records_begin(struct trace_records *r, int fd, uint64_t next)
{
    struct stat about;
    memset(r, 0, sizeof *r);
    r->fd = fd;
    r->next = next;
    if (fstat(fd, &about) != 0)
        return errno;
    r->size = (uint64_t)about.st_size;
    return 0;
}

void trace_records_end(struct trace_records *r)
{
    free(r->payload);
    r->payload = NULL;
}

/* -- one record ------------------------------------------------------------------------------ */

enum state {
    RECORD_ERROR = -1,
    RECORD_GOOD,
    RECORD_TORN, /* it runs over the end of the file */
    RECORD_LENGTH,
    RECORD_CRC
};

static uint32_t word_at(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The bytes in front of a payload, which the file has; NULL: errno says why not. */
static const unsigned char *front_at(struct trace_records *r, uint64_t offset)
{
    if (offset < r->window_at || offset + WEIR__TRACE_RECORD > r->window_at + r->window_size) {
        ssize_t n = trace_read_at(r->fd, r->window, sizeof r->window, offset);
        r->window_at = offset;
        r->window_size = n < 0 ? 0 : (size_t)n;
        if (n < WEIR__TRACE_RECORD) {
            if (n >= 0) /* shorter than it was */
                errno = EIO;
            return NULL;
        }
    }
    return r->window + (offset - r->window_at);
}

static bool payload_read(struct trace_records *r, uint32_t length, uint64_t offset)
{
    if (length > r->room || !r->payload) {
        size_t room = length > 65536 ? length : 65536;
        r->payload = memory_array(r->payload, room, 1);
        r->room = room;
    }
    ssize_t n = trace_read_at(r->fd, r->payload, length, offset);
    if (n >= 0 && n < (ssize_t)length)
        errno = EIO;
    return n == (ssize_t)length;
}

static enum state record_at(struct trace_records *r, uint64_t offset, struct trace_raw *raw)
{
    if (r->size - offset < WEIR__TRACE_RECORD)
        return RECORD_TORN;
    const unsigned char *front = front_at(r, offset);
    if (!front)
        return RECORD_ERROR;
    *raw = (struct trace_raw){offset, word_at(front), word_at(front + 4), NULL};
    if (raw->length > WEIR__TRACE_LENGTH_MAX)
        return RECORD_LENGTH;
    if (raw->length > r->size - offset - WEIR__TRACE_RECORD)
        return RECORD_TORN;
    if (!payload_read(r, raw->length, offset + WEIR__TRACE_RECORD))
        return RECORD_ERROR;
    raw->payload = r->payload;
    uint32_t crc = weir__crc32(weir__crc32(0, front, 8), r->payload, raw->length);
    return crc == word_at(front + 8) ? RECORD_GOOD : RECORD_CRC;
}

/* -- the next good one ------------------------------------------------------------------------ */

static bool type_is_known(const unsigned char *front)
{
    switch (word_at(front)) {
    case WEIR__TRACE_HEAD:
    case WEIR__TRACE_ROOM:
    case WEIR__TRACE_STRT:
    case WEIR__TRACE_BASE:
    case WEIR__TRACE_TAGN:
    case WEIR__TRACE_CTXN:
    case WEIR__TRACE_NAME:
    case WEIR__TRACE_MODL:
    case WEIR__TRACE_MODU:
    case WEIR__TRACE_STKN:
    case WEIR__TRACE_JITM:
    case WEIR__TRACE_THRN:
    case WEIR__TRACE_EVTS:
    case WEIR__TRACE_EVTZ:
    case WEIR__TRACE_SAMP:
    case WEIR__TRACE_FOOT:
        return true;
    default:
        return false;
    }
}

/*
 * From `from` on. At `likely`, where the damaged record says that it ends, a record of any
 * type will do. Its length is not trusted further: were it wrong, and another record began
 * there, all between would be lost. 1, 0 or -1.
 */
static int record_search(struct trace_records *r, uint64_t from, uint64_t likely,
                         struct trace_raw *raw)
{
    for (uint64_t at = from; at < r->size && r->size - at >= WEIR__TRACE_RECORD; at++) {
        const unsigned char *front = front_at(r, at);
        if (!front)
            return -1;
        if (at != likely && !type_is_known(front))
            continue;
        enum state state = record_at(r, at, raw);
        if (state == RECORD_GOOD || state == RECORD_ERROR)
            return state == RECORD_GOOD ? 1 : -1;
        r->wasted += state == RECORD_CRC ? raw->length : 0;
        if (r->wasted > WASTED_MOST + r->size)
            return 0;
    }
    return 0;
}

static int record_taken(struct trace_records *r, const struct trace_raw *raw)
{
    r->next = raw->offset + WEIR__TRACE_RECORD + raw->length;
    return 1;
}

int trace_records_next(struct trace_records *r, struct trace_raw *raw)
{
    static const char *const reasons[] = {[RECORD_TORN] = "impossible length",
                                          [RECORD_LENGTH] = "impossible length",
                                          [RECORD_CRC] = "wrong CRC"};
    uint64_t at = r->next, likely = at;
    r->how = NULL;
    if (at >= r->size)
        return 0;
    enum state state = record_at(r, at, raw);
    if (state == RECORD_GOOD)
        return record_taken(r, raw);
    if (state == RECORD_ERROR)
        return -1;
    if (state == RECORD_CRC)
        likely = at + WEIR__TRACE_RECORD + raw->length;
    int found = record_search(r, at + 1, likely, raw);
    if (found < 0)
        return -1;
    r->bad = at;
    r->nbad = (found ? raw->offset : r->size) - at;
    r->next = r->size;
    if (!found && state == RECORD_TORN)
        r->cut = r->nbad;
    else
        r->how = reasons[state];
    return found ? record_taken(r, raw) : 0;
}
