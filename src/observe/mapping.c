/* observe/mapping.c - see mapping.h. */
#include "observe/mapping.h"

#include "alloc/heap.h"
#include "observe/bytes.h"
#include "observe/event.h"
#include "observe/format.h"
#include "observe/stacks.h"
#include "observe/stream.h"
#include "track/trace_hook.h"

bool weir__mapping_is_wanted(void)
{
    return weir__streams_are_on() && weir__stream_is_free() && !weir__heaps_are_entered();
}

static unsigned char *place_put(unsigned char *at, const void *address, size_t bytes)
{
    at = weir__put_varint(at, (uint64_t)(uintptr_t)address);
    return weir__put_varint(at, bytes);
}

void weir__mapping_taken(const void *address, size_t bytes, unsigned flags)
{
    unsigned char payload[4 * WEIR__VARINT_MOST], *at = place_put(payload, address, bytes);
    uint64_t from = weir__relaxed_get(weir__stacks_from);
    uint32_t node = from != WEIR__STACKS_OFF && bytes >= from ? weir__stacks_take() : 0;
    at = weir__put_varint(at, flags);
    at = weir__put_varint(at, node);
    weir__event_other(WEIR__TRACE_MAPPED, weir__trace_stamp_neutral(), payload,
                      (size_t)(at - payload));
}

void weir__mapping_given(const void *address, size_t bytes)
{
    unsigned char payload[2 * WEIR__VARINT_MOST], *at = place_put(payload, address, bytes);
    weir__event_other(WEIR__TRACE_UNMAPPED, weir__trace_stamp_neutral(), payload,
                      (size_t)(at - payload));
}
