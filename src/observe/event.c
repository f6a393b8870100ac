/* observe/event.c - see event.h. */
#include "observe/event.h"

#include "observe/bytes.h"
#include "observe/format.h"
#include "observe/stacks.h"
#include "observe/stream.h"
#include "observe/ticks.h"
#include "observe/trace_names.h"

/* -- the clock ---------------------------------------------------------------------------- */

#define STRIDE_MOST  32u /* events of one time, at most, */
#define STRIDE_TICKS 2u  /* where that many came within so many ticks before */

static const uint64_t *clock_outside
    WEIR__AT_START;                          /* NULL: this process asks for itself; atomic */
static const uint64_t *looks WEIR__AT_START; /* set before there are events */

uint64_t weir__event_sized_until WEIR__AT_START;

void weir__trace_clock_set(const uint64_t *ticks)
{
    __atomic_store_n(&clock_outside, ticks, __ATOMIC_RELEASE);
}

void weir__trace_looks_set(const uint64_t *word)
{
    weir__relaxed_set(looks, word);
}

uint64_t weir__trace_ticks(void)
{
    const uint64_t *outside = __atomic_load_n(&clock_outside, __ATOMIC_ACQUIRE);
    return weir__unlikely(outside != NULL) ? __atomic_load_n(outside, __ATOMIC_RELAXED)
                                           : weir__ticks_now();
}

/* -- coding ------------------------------------------------------------------------------- */

/* The chunk's base, and time. */
WEIR__INLINE void event_prepare(struct weir__stream *s, uint64_t number)
{
    if (weir__likely(s->count != 0))
        return;
    s->chunk->thread = s->thread;
    s->chunk->tid = s->tid;
    s->chunk->base_number = s->number = number - 1;
    s->chunk->base_ticks = s->ticks = weir__trace_ticks();
    s->timeless = s->stride = 0;
}

/* The event is whole: from here on it is read, whatever happens to this process. */
WEIR__INLINE void event_done(struct weir__stream *s)
{
    uint64_t bytes = (uint64_t)(s->at - s->chunk->bytes);
    __atomic_store_n(&s->chunk->filled, ++s->count << 32 | bytes, __ATOMIC_RELEASE);
    weir__relaxed_set(s->logged, s->logged + 1);
}

/* Twice as many and one more while that many come soon enough; half as many while it is not long.
 */
WEIR__INLINE unsigned stride_next(unsigned stride, uint64_t passed)
{
    if (passed < STRIDE_TICKS)
        return (unsigned)weir__min(2 * stride + 1, STRIDE_MOST - 1);
    return passed < 2 * STRIDE_TICKS ? stride / 2 : 0;
}

/* Reads the clock, which costs as much as all else of an event; and decides how many may do with
 * what it says. */
static WEIR__NOINLINE unsigned char *event_read_clock(struct weir__stream *s, unsigned char *at)
{
    const uint64_t *word = weir__relaxed_get(looks);
    uint64_t ticks = weir__trace_ticks(), passed = ticks > s->ticks ? ticks - s->ticks : 0;
    if (word) {
        s->look = weir__relaxed_get(*word);
        s->stride = stride_next(s->stride, passed);
        s->timeless = s->stride;
    }
    if (!passed)
        return at;
    s->ticks += passed;
    *s->at |= WEIR__TRACE_TIME;
    return weir__put_varint(at, passed);
}

WEIR__INLINE unsigned char *event_time(struct weir__stream *s, unsigned char *at)
{
    if (weir__unlikely(!s->timeless) || weir__unlikely(weir__relaxed_get(*looks) != s->look))
        return event_read_clock(s, at);
    s->timeless--;
    return at;
}

/* The first byte is at s->at until the event is whole: what is seldom sets its flags there. */
WEIR__INLINE unsigned char *event_begin(struct weir__stream *s, uint64_t number, unsigned *flags)
{
    unsigned char *at = s->at + 1;
    *s->at = 0;
    if (weir__unlikely(number != s->number + 1)) {
        *flags |= WEIR__TRACE_NUMBER;
        at = weir__put_svarint(at, (int64_t)(number - s->number - 1));
    }
    s->number = number;
    return event_time(s, at);
}

WEIR__INLINE unsigned char *event_address(struct weir__stream *s, const void *block,
                                          unsigned char *at, unsigned *flags)
{
    uint64_t address = (uint64_t)(uintptr_t)block;
    unsigned slot = weir__trace_slot(address);
    int64_t delta = (int64_t)(address - s->address);
    s->address = address;
    if (s->slots[slot] == address && address) {
        *at++ = (unsigned char)slot;
        return at;
    }
    s->slots[slot] = address;
    *flags |= WEIR__TRACE_ADDRESS;
    if (weir__likely(!(delta & 15)))
        return weir__put_svarint(at, delta >> 4);
    *flags |= WEIR__TRACE_UNALIGNED;
    return weir__put_svarint(at, delta);
}

/* Any: the reader is told. */
WEIR__INLINE unsigned shape_slot(const struct weir__trace_event *e)
{
    uint64_t key = e->requested ^ (uint64_t)(uintptr_t)e->allocator >> 6 ^ (uint64_t)e->tag << 20;
    return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> 57);
}

static WEIR__NOINLINE unsigned char *shape_define(struct weir__stream *s, unsigned slot,
                                                  const struct weir__trace_event *e,
                                                  unsigned char *at)
{
    *s->at |= WEIR__TRACE_SHAPE;
    if (s->allocator != e->allocator) {
        s->context = weir__trace_context(e->allocator);
        s->allocator = s->context ? e->allocator : NULL;
    }
    s->shapes[slot] =
        (struct weir__shape){e->allocator, e->requested, e->usable, e->alignment, e->tag};
    at = weir__put_varint(at, e->requested);
    at = weir__put_varint(at, e->usable - e->requested);
    at = weir__put_varint(at, e->alignment ? weir__log2(e->alignment) : 0);
    at = weir__put_varint(at, s->context);
    return weir__put_varint(at, weir__trace_tag(e->tag));
}

WEIR__INLINE unsigned char *event_shape(struct weir__stream *s, const struct weir__trace_event *e,
                                        unsigned slot, unsigned char *at)
{
    uint32_t gone = weir__relaxed_get(weir__trace_gone);
    if (weir__unlikely(gone != s->gone)) {
        s->gone = gone;
        s->allocator = NULL;
        memset(s->shapes, 0, sizeof s->shapes);
    }
    const struct weir__shape *shape = &s->shapes[slot];
    *at++ = (unsigned char)slot;
    if (weir__likely(shape->allocator == e->allocator && shape->requested == e->requested &&
                     shape->usable == e->usable && shape->tag == e->tag &&
                     shape->alignment == e->alignment))
        return at;
    return shape_define(s, slot, e, at);
}

WEIR__INLINE void block_event(struct weir__stream *s, unsigned kind,
                              const struct weir__trace_event *e, unsigned slot)
{
    unsigned flags = kind;
    unsigned char *head = s->at, *at = event_begin(s, e->sequence, &flags);
    at = event_address(s, e->block, at, &flags);
    at = event_shape(s, e, slot, at);
    *head |= (unsigned char)flags;
    s->at = at;
}

/* -- events --------------------------------------------------------------------------------- */

/* A note where the node is not that of the latest allocation of the shape's slot. */
WEIR__INLINE void event_stack(struct weir__stream *s, unsigned slot, uint32_t node)
{
    if (weir__likely(s->stacks[slot] == node))
        return;
    unsigned char *head = s->at + 2, *at = weir__put_varint(head, node);
    s->at[0] = (unsigned char)(WEIR__TRACE_OTHER | WEIR__TRACE_NOTE_STACK << WEIR__TRACE_SUB_SHIFT);
    s->at[1] = (unsigned char)(at - head);
    s->stacks[slot] = node;
    s->at = at;
}

/* Of an allocation whose event will be dropped there is none: locks may be held. */
WEIR__INLINE uint32_t node_of(const struct weir__trace_event *e, uint64_t from)
{
    const struct weir__stream *s = weir__stream_own;
    if (e->requested < from || (s && weir__relaxed_get(s->inside)))
        return 0;
    return weir__stacks_take();
}

/* Its frame is the stack's leaf, which stacks do not have. */
static WEIR__NOINLINE void allocated_with_stack(const struct weir__trace_event *e, uint64_t from)
{
    uint32_t node = node_of(e, from);
    unsigned slot = shape_slot(e);
    struct weir__stream *s = weir__stream_enter();
    if (weir__unlikely(!s))
        return;
    event_prepare(s, e->sequence);
    event_stack(s, slot, node);
    block_event(s, WEIR__TRACE_ALLOCATE, e, slot);
    event_done(s);
    weir__stream_leave(s);
}

void weir__event_allocated(const struct weir__trace_event *e)
{
    uint64_t from = weir__relaxed_get(weir__stacks_from);
    if (weir__unlikely(from != WEIR__STACKS_OFF)) {
        allocated_with_stack(e, from);
        return;
    }
    struct weir__stream *s = weir__stream_enter();
    if (weir__unlikely(!s))
        return;
    event_prepare(s, e->sequence);
    block_event(s, WEIR__TRACE_ALLOCATE, e, shape_slot(e));
    event_done(s);
    weir__stream_leave(s);
}

/* The size before, always: who lists what is live at the start may see a block's new size
 * before the resize has its number. */
void weir__event_resized(const struct weir__trace_event *e)
{
    unsigned char before[WEIR__VARINT_MOST];
    size_t n = (size_t)(weir__put_varint(before, e->old_requested) - before);
    bool moved = e->old_block && e->old_block != e->block;
    struct weir__stream *s = weir__stream_enter();
    if (weir__unlikely(!s))
        return;
    event_prepare(s, e->sequence);
    *s->at++ = WEIR__TRACE_OTHER | WEIR__TRACE_NOTE_BEFORE << WEIR__TRACE_SUB_SHIFT;
    s->at = weir__put_string(s->at, before, n, n);
    block_event(s, moved ? WEIR__TRACE_MOVE : WEIR__TRACE_RESIZE, e, shape_slot(e));
    if (moved)
        s->at = weir__put_svarint(s->at, (int64_t)((uintptr_t)e->old_block - (uintptr_t)e->block));
    event_done(s);
    weir__stream_leave(s);
}

/* The list of what was live at the start may have come too late for this block. */
WEIR__INLINE bool is_sized(const struct weir__trace_event *e)
{
    return e->sequence <= weir__relaxed_get(weir__event_sized_until);
}

void weir__event_freed(const struct weir__trace_event *e)
{
    struct weir__stream *s = weir__stream_enter();
    if (weir__unlikely(!s))
        return;
    event_prepare(s, e->sequence);
    unsigned flags = WEIR__TRACE_FREE;
    unsigned char *head = s->at, *at = event_begin(s, e->sequence, &flags);
    at = event_address(s, e->block, at, &flags);
    if (weir__unlikely(is_sized(e))) {
        flags |= WEIR__TRACE_SHAPE;
        at = weir__put_varint(at, e->requested);
    }
    *head |= (unsigned char)flags;
    s->at = at;
    event_done(s);
    weir__stream_leave(s);
}

void weir__event_other(unsigned sub, uint64_t number, const void *payload, size_t n)
{
    struct weir__stream *s = weir__stream_enter();
    if (!s)
        return;
    event_prepare(s, number);
    unsigned char *at = s->at;
    uint64_t ticks = weir__trace_ticks();
    ticks = ticks > s->ticks ? ticks : s->ticks;
    *at++ = (unsigned char)(WEIR__TRACE_OTHER | sub << WEIR__TRACE_SUB_SHIFT);
    at = weir__put_svarint(at, (int64_t)(number - s->number - 1));
    at = weir__put_varint(at, ticks - s->ticks);
    s->at = weir__put_string(at, payload, n, n);
    s->number = number;
    s->ticks = ticks;
    event_done(s);
    weir__stream_leave(s);
}
