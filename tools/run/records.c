/*
 * tools/run/records.c - the records that a recorder left in the shared memory, on their way into
 * the file: what is none of its kinds is left out. Each new call stack is a record of some bytes,
 * so what one look found goes into the file in one piece. Owns that piece.
 */
#include "tools/run/run.h"

#include "observe/format.h"
#include "observe/trace_frame.h"

#include <string.h>

static struct {
    size_t n;
    unsigned char bytes[2 * WEIR__RUN_CHUNK];
} gathered;

static void gathered_write(struct run_recording *r)
{
    run_record_write_frames(r, gathered.bytes, gathered.n);
    gathered.n = 0;
}

static void gather(struct run_recording *r, uint32_t type, const unsigned char *payload,
                   uint32_t length)
{
    if (sizeof gathered.bytes - gathered.n < (size_t)WEIR__TRACE_RECORD + length)
        gathered_write(r);
    gathered.n += weir__trace_frame_put(gathered.bytes + gathered.n, type, payload, length);
}

static bool type_is_known(uint32_t type)
{
    return type == WEIR__TRACE_HEAD || type == WEIR__TRACE_STRT || type == WEIR__TRACE_BASE ||
           type == WEIR__TRACE_TAGN || type == WEIR__TRACE_CTXN || type == WEIR__TRACE_NAME ||
           type == WEIR__TRACE_MODL || type == WEIR__TRACE_MODU || type == WEIR__TRACE_STKN ||
           type == WEIR__TRACE_THRN;
}

static void room_reserve(struct run_recording *r)
{
    static const unsigned char zeros[RUN_FOOT_MOST];
    uint64_t at = r->end;
    if (run_record_write(r, WEIR__TRACE_ROOM, zeros, sizeof zeros, NULL, 0))
        r->room = at;
}

bool run_record_begins(const unsigned char *bytes, size_t n)
{
    uint32_t type = 0;
    if (n >= sizeof type)
        memcpy(&type, bytes, sizeof type);
    return type == WEIR__TRACE_HEAD;
}

/* What comes before the first HEAD is dropped: there was no room for the HEAD. */
static void record_take(struct run_recording *r, uint32_t type, const unsigned char *payload,
                        uint32_t length)
{
    bool head = type == WEIR__TRACE_HEAD;
    r->odd |= !type_is_known(type) || (head && r->headed);
    if (!type_is_known(type) || head == r->headed)
        return;
    gather(r, type, payload, length);
    run_names_look(r, type, payload, length);
    if (head) {
        gathered_write(r);
        r->headed = true;
        room_reserve(r);
    }
}

void run_record_records(struct run_recording *r, const unsigned char *bytes, size_t n)
{
    while (n >= 8) {
        uint32_t type, length;
        memcpy(&type, bytes, 4);
        memcpy(&length, bytes + 4, 4);
        if (length > n - 8)
            break;
        record_take(r, type, bytes + 8, length);
        bytes += 8 + length;
        n -= 8 + length;
    }
    gathered_write(r);
    r->odd |= n > 0;
}
