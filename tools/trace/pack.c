/*
 * tools/trace/pack.c - see pack.h. A packed payload begins as the EVTS does, so that a reader
 * knows which thread it is of and how many events it has without unpacking it:
 *
 *   | thread tid number ticks count | bytes of the events | the events, as zlib deflates them |
 */
#include "tools/trace/pack.h"
#include "tools/common/memory.h"

#include "observe/bytes.h"
#include "observe/crc32.h"
#include "observe/format.h"
#include "tools/trace/cursor.h"
#include "tools/trace/records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define FRONT_FIELDS 5

/* No byte of a zlib stream stands for more: the records of a file have room in memory. */
#define RATIO_MOST 1032

/* Bytes of the five fields; 0: they are not all there. */
static size_t front_length(const unsigned char *payload, size_t n)
{
    struct trace_cursor c = {payload, payload + n, false};
    for (int i = 0; i < FRONT_FIELDS; i++)
        cursor_varint(&c);
    return c.bad ? 0 : (size_t)(c.at - payload);
}

/* -- packing --------------------------------------------------------------------------------- */

static void word_put(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static void record_write(FILE *to, uint32_t type, const unsigned char *payload, uint32_t n)
{
    unsigned char head[WEIR__TRACE_RECORD];
    word_put(head, type);
    word_put(head + 4, n);
    word_put(head + 8, weir__crc32(weir__crc32(0, head, 8), payload, n));
    fwrite(head, 1, sizeof head, to);
    fwrite(payload, 1, n, to);
}

/* False: it would not be shorter. */
static bool events_write(FILE *to, const struct trace_raw *raw)
{
    size_t front = front_length(raw->payload, raw->length), events = raw->length - front;
    if (!front)
        return false;
    uLongf deflated = compressBound(events);
    unsigned char *packed = memory_array(NULL, front + WEIR__VARINT_MOST + deflated, 1), *at;
    memcpy(packed, raw->payload, front);
    at = weir__put_varint(packed + front, events);
    bool shorter =
        compress2(at, &deflated, raw->payload + front, events, Z_BEST_COMPRESSION) == Z_OK &&
        (size_t)(at - packed) + deflated < raw->length;
    if (shorter)
        record_write(to, WEIR__TRACE_EVTZ, packed, (uint32_t)((size_t)(at - packed) + deflated));
    free(packed);
    return shorter;
}

/* The preamble: the version is that in which there are packed events, or the file's. */
static int preamble_write(FILE *to, int fd, char *why, size_t nwhy)
{
    unsigned char bytes[WEIR__TRACE_PREAMBLE];
    ssize_t n = trace_read_at(fd, bytes, sizeof bytes, 0);
    if (n < 0)
        return snprintf(why, nwhy, "%s", strerror(errno)), errno;
    if (n < (ssize_t)sizeof bytes ||
        memcmp(bytes, WEIR__TRACE_MAGIC, sizeof WEIR__TRACE_MAGIC - 1) != 0)
        return snprintf(why, nwhy, "not a weir trace"), EINVAL;
    unsigned major = bytes[8] | (unsigned)bytes[9] << 8,
             minor = bytes[10] | (unsigned)bytes[11] << 8;
    if (major != WEIR__TRACE_MAJOR || minor > WEIR__TRACE_MINOR)
        return snprintf(why, nwhy, "trace format %u.%u: this weir packs up to %u.%u", major, minor,
                        WEIR__TRACE_MAJOR, WEIR__TRACE_MINOR),
               EINVAL;
    bytes[10] = WEIR__TRACE_MINOR;
    fwrite(bytes, 1, sizeof bytes, to);
    return 0;
}

static int records_write(FILE *to, struct trace_records *records, char *why, size_t nwhy)
{
    struct trace_raw raw;
    int got;
    while ((got = trace_records_next(records, &raw)) > 0 && !records->how)
        if (raw.type != WEIR__TRACE_ROOM &&
            (raw.type != WEIR__TRACE_EVTS || !events_write(to, &raw)))
            record_write(to, raw.type, raw.payload, raw.length);
    if (got < 0)
        return snprintf(why, nwhy, "%s", strerror(errno)), errno;
    if (records->how)
        return snprintf(why, nwhy, "damaged at byte %" PRIu64 ": %s: it is not packed",
                        records->bad, records->how),
               EINVAL;
    return 0;
}

int trace_pack(const char *path, FILE *to, uint64_t *cut, char *why, size_t nwhy)
{
    struct trace_records records;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return snprintf(why, nwhy, "%s", strerror(errno)), errno;
    int error = preamble_write(to, fd, why, nwhy);
    if (!error) {
        error = trace_records_begin(&records, fd, WEIR__TRACE_PREAMBLE);
        error = error ? (snprintf(why, nwhy, "%s", strerror(error)), error)
                      : records_write(to, &records, why, nwhy);
        *cut = records.cut;
        trace_records_end(&records);
    }
    close(fd);
    return error;
}

/* -- unpacking ------------------------------------------------------------------------------- */

unsigned char *trace_unpack(const unsigned char *packed, size_t n, size_t *length)
{
    size_t front = front_length(packed, n);
    struct trace_cursor c = {packed + front, packed + n, false};
    uint64_t events = cursor_varint(&c);
    if (!front || c.bad || events > WEIR__TRACE_LENGTH_MAX - front || events / RATIO_MOST > n)
        return NULL;
    unsigned char *payload = memory_array(NULL, front + events + 1, 1);
    uLongf made = events + 1; /* one more than there are: a longer stream is seen */
    uLong given = (uLong)(c.end - c.at), taken = given;
    if (uncompress2(payload + front, &made, c.at, &taken) != Z_OK || made != events ||
        taken != given) {
        free(payload);
        return NULL;
    }
    memcpy(payload, packed, front);
    *length = front + events;
    return payload;
}
