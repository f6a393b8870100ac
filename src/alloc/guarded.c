/* alloc/guarded.c - see guarded.h. */
#include "alloc/guarded.h"

#include "alloc/allocate.h"
#include "alloc/body.h"
#include "alloc/cpu.h"
#include "alloc/refusal.h"
#include "backing/backing.h"
#include "base/error.h"
#include "os/clock.h"
#include "os/residence.h"
#include "track/sample.h"

#include <errno.h>
#include <string.h>

/* All atomic. */
static struct {
    uint64_t calls, objects; /* means, as they were asked for */
    int64_t objects_left;    /* to the next that is guarded */
    uint64_t last;           /* when a block was guarded last */
    uint64_t guarded, missed;
    uint64_t rest, next; /* of turns: how long the next rest is, and when it ends; ns, coarse */
    uint64_t faults;   /* of turns: the process's page faults from which on it has guarded blocks */
    uint32_t prepared; /* PREPARE_x */
    bool off;          /* for good */
} guards WEIR__AT_START;

/* What a turn is at: 0, there are none. */
enum { TURN_NONE = 0, TURN_ON, TURN_OVER, TURN_RESTS };
uint32_t weir__guarded_turns WEIR__AT_START;

enum { PREPARE_NEEDED = 0, PREPARE_AT_WORK, PREPARE_DONE };
int (*weir__guarded_prepare)(void) WEIR__AT_START;

void (*weir__guarded_written)(const void *block, ptrdiff_t written);

int weir__guarded_begin(uint64_t calls, uint64_t objects)
{
    if (!weir__allocator_check(&weir__cpu, NULL) || !weir__cpu.body->page_heap)
        return ENOTSUP;
    weir__relaxed_set(weir__guarded_turns, TURN_NONE);
    weir__relaxed_set(guards.prepared, PREPARE_DONE);
    weir__relaxed_set(guards.calls, calls);
    weir__relaxed_set(guards.last, weir__os_time());
    int error = weir__sample_guard(calls);
    weir__relaxed_set(guards.objects, error ? 0 : objects);
    weir__relaxed_set(guards.objects_left, 0);
    return error;
}

void weir__guarded_off(void)
{
    weir__relaxed_set(weir__guarded_turns, TURN_NONE);
    weir__relaxed_set(guards.off, true);
    weir__relaxed_set(weir__guard_mean, 0);
    weir__relaxed_set(guards.objects, 0);
}

void weir__guarded_count(uint64_t *guarded, uint64_t *missed)
{
    *guarded = weir__relaxed_get(guards.guarded);
    *missed = weir__relaxed_get(guards.missed);
}

uint64_t weir__guarded_objects(void)
{
    return weir__relaxed_get(guards.objects);
}

/* Blocks come too fast: fewer; slowly again: as many as were asked for. */
static void pace_adapt(void)
{
    uint64_t now = weir__os_time(), asked = weir__relaxed_get(guards.calls);
    uint64_t since = now - __atomic_exchange_n(&guards.last, now, __ATOMIC_RELAXED);
    uint64_t mean = weir__relaxed_get(weir__guard_mean), to = mean;
    if (asked < WEIR__GUARD_ADAPTS || !mean)
        return;
    if (since < WEIR__GUARD_PERIOD)
        to = mean + mean / 4;
    else if (mean > asked)
        to = weir__max(mean - mean / 4, asked);
    /* False: it was switched off, or another thread adapted it. */
    (void)__atomic_compare_exchange_n(&weir__guard_mean, &mean, to, false, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED);
}

/* -- turns ------------------------------------------------------------------------------------ */

int weir__guarded_begin_turns(uint64_t calls)
{
    int error = weir__guarded_begin(calls, 0);
    weir__relaxed_set(guards.prepared, PREPARE_NEEDED);
    weir__relaxed_set(guards.rest, WEIR__GUARD_REST);
    weir__relaxed_set(guards.faults, (uint64_t)(weir__sample_uniform() * WEIR__GUARD_FAULTS));
    weir__relaxed_set(weir__guarded_turns, error ? TURN_NONE : TURN_ON);
    return error;
}

/* The block of this turn is there. */
static void turn_end(void)
{
    uint64_t rest = weir__relaxed_get(guards.rest);
    weir__relaxed_set(weir__guard_mean, 0);
    weir__relaxed_set(guards.next, weir__os_coarse_time() + rest);
    weir__relaxed_set(guards.rest, weir__min(2 * rest, WEIR__GUARD_REST_MOST));
    weir__relaxed_set(weir__guarded_turns, TURN_OVER);
}

static bool turn_becomes(uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&weir__guarded_turns, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* What fails ends the turns. */
static void turn_guard(uint64_t calls)
{
    if (weir__sample_guard(calls) || weir__relaxed_get(guards.off))
        weir__guarded_off();
}

void weir__guarded_turn_slow(uint32_t turn)
{
    int saved = errno;
    if (turn == TURN_OVER && turn_becomes(TURN_OVER, TURN_RESTS))
        turn_guard(0);
    else if (turn == TURN_RESTS && weir__os_coarse_time() >= weir__relaxed_get(guards.next) &&
             turn_becomes(TURN_RESTS, TURN_ON))
        turn_guard(weir__relaxed_get(guards.calls));
    errno = saved;
}

/* May there be a guarded block? One thread prepares; the others go without meanwhile. A process
 * that is too short for the cost lets the turn pass. */
static bool is_prepared(void)
{
    uint32_t needed = PREPARE_NEEDED;
    if (weir__likely(__atomic_load_n(&guards.prepared, __ATOMIC_ACQUIRE) == PREPARE_DONE))
        return true;
    if (weir__os_process_faults() < weir__relaxed_get(guards.faults)) {
        turn_end();
        return false;
    }
    if (!__atomic_compare_exchange_n(&guards.prepared, &needed, PREPARE_AT_WORK, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    int saved = errno, error = weir__guarded_prepare();
    errno = saved;
    if (error)
        weir__guarded_off();
    else
        __atomic_store_n(&guards.prepared, PREPARE_DONE, __ATOMIC_RELEASE);
    return !error;
}

static void missed_count(void)
{
    __atomic_add_fetch(&guards.missed, 1, __ATOMIC_RELAXED);
}

bool weir__guarded_fits(const weir_allocator *a, size_t size, size_t alignment)
{
    const struct weir__page_heap *heap = a->body->page_heap;
    bool placed = heap && (heap->placement.huge_pages || heap->placement.numa_node);
    bool fits = heap && !placed && weir__trap_fits(size, alignment);
    if (!fits)
        missed_count();
    return fits;
}

static void span_bytes_add(weir_allocator *a, size_t bytes)
{
    struct weir__body *body = a->body;
    weir__lock_take(&body->page_heap->lock);
    body->span_bytes += bytes;
    body->page_heap->guarded += bytes;
    weir__lock_drop(&body->page_heap->lock);
}

struct weir__span *weir__guarded_take(weir_allocator *a, size_t size, size_t alignment,
                                      struct weir__claim *claim)
{
    bool refused = false;
    claim->owner = a;
    struct weir__span *span = NULL;
    if (is_prepared())
        span =
            weir__trap_take(weir__cpu.body->page_heap, size, alignment, a->name, claim, &refused);
    if (refused)
        weir__guarded_off();
    if (!span) {
        missed_count();
        return NULL;
    }
    span_bytes_add(a, weir__span_bytes(span));
    __atomic_add_fetch(&guards.guarded, 1, __ATOMIC_RELAXED);
    if (weir__unlikely(weir__relaxed_get(weir__guarded_turns) == TURN_ON))
        turn_end();
    else
        pace_adapt();
    return span;
}

void weir__guarded_give(weir_allocator *a, struct weir__span *span, uint64_t label)
{
    const void *block = weir__span_start(span) + weir__label_offset(label);
    ptrdiff_t written = weir__trap_written(span, label);
    span_bytes_add(a, -weir__span_bytes(span));
    weir__trap_give(span);
    if (weir__likely(!written))
        return;
    void (*print)(const void *, ptrdiff_t) =
        __atomic_load_n(&weir__guarded_written, __ATOMIC_ACQUIRE);
    if (print)
        print(block, written);
    weir__misuse(WEIR_MISUSE_CORRUPTION, block, a->name);
}

void weir__guarded_release(weir_allocator *a)
{
    size_t bytes = weir__trap_release(a);
    if (bytes)
        span_bytes_add(a, -bytes);
}

/* -- objects ---------------------------------------------------------------------------------- */

static bool object_is_due(void)
{
    uint64_t mean = weir__relaxed_get(guards.objects);
    if (weir__likely(!mean) || __atomic_fetch_sub(&guards.objects_left, 1, __ATOMIC_RELAXED) > 0)
        return false;
    weir__relaxed_set(guards.objects_left, weir__sample_draw_calls(mean));
    return true;
}

void *weir__guarded_object(weir_allocator *a, size_t bytes, bool zeroed)
{
    bool is_zero = false;
    struct weir__request request = {.size = bytes,
                                    .alignment = WEIR_DEFAULT_ALIGNMENT,
                                    .zeroed = zeroed ? &is_zero : NULL,
                                    .guarded = true};
    if (weir__likely(!object_is_due()) || !weir__allocator_is_ready(a) ||
        !weir__guarded_fits(a, bytes, WEIR_DEFAULT_ALIGNMENT))
        return zeroed ? weir__allocate_zeroed(a, bytes, 1, WEIR_DEFAULT_ALIGNMENT)
                      : weir_allocate(a, bytes);
    void *block = weir__allocate_once(a, &request);
    block = block ? block : weir__refused(a, &request);
    if (block && zeroed && !is_zero) /* there was no place any more */
        memset(block, 0, bytes);
    return block;
}
