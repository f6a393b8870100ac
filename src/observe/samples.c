/* observe/samples.c - see samples.h. */
#include "observe/samples.h"

#include "backing/meta.h"
#include "base/pointer_map.h"
#include "observe/estimate.h"
#include "observe/stacks.h"
#include "os/locks.h"
#include "track/sample.h"

#include <errno.h>
#include <string.h>

#define BUCKETS 1024u
#define FREED   256u

/* Of the latest that were freed; the place is the address's. `block` is written first and last:
 * the thread that reads without the lock sees whether it was written meanwhile. Atomic, all of it.
 */
struct freed {
    const void *block; /* NULL: it is being written */
    const struct weir__calls *allocated, *freed;
    size_t requested;
};

static struct {
    struct weir__pointer_map map; /* of struct weir__sampled */
    uint64_t mean;                /* of the profile; 0: none */
    uint64_t missed;              /* atomic */
    uint32_t ncalls;
    struct weir__calls *calls[BUCKETS];
    struct freed freed[FREED];
} samples;
static weir__lock samples_lock WEIR__AT_START = WEIR__LOCK(SAMPLES);
WEIR__LOCKS_KNOW(SAMPLES, &samples_lock);

static const struct weir__calls no_calls;

/* The thread is in here: a handler of a signal that comes now finds it so. */
static WEIR__TLS bool inside;

static bool samples_enter(void)
{
    if (inside) {
        __atomic_add_fetch(&samples.missed, 1, __ATOMIC_RELAXED);
        return false;
    }
    inside = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    weir__lock_take(&samples_lock);
    return true;
}

static void samples_leave(void)
{
    weir__lock_drop(&samples_lock);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    inside = false;
}

/* -- stacks ----------------------------------------------------------------------------------- */

static uint64_t calls_hash(const void *const *address, uint32_t depth)
{
    uint64_t hash = depth;
    for (uint32_t i = 0; i < depth; i++)
        hash = (hash ^ (uintptr_t)address[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
    return hash;
}

static struct weir__calls *calls_make(const void *const *address, uint32_t depth, uint64_t hash)
{
    size_t bytes = depth * sizeof *address;
    struct weir__calls *made = samples.ncalls < WEIR__CALLS_MOST
                                   ? weir__meta_allocate(sizeof(struct weir__calls) + bytes)
                                   : NULL;
    if (!made)
        return NULL;
    samples.ncalls++;
    made->hash = hash;
    made->depth = depth;
    memcpy(made->address, address, bytes);
    made->next = samples.calls[hash % BUCKETS];
    return samples.calls[hash % BUCKETS] = made;
}

/* Never NULL. */
static const struct weir__calls *calls_keep_locked(const void *const *address, uint32_t depth,
                                                   bool cut)
{
    weir__assert(weir__lock_is_mine(&samples_lock));
    uint64_t hash = calls_hash(address, depth);
    struct weir__calls *calls = samples.calls[hash % BUCKETS];
    while (calls && (calls->hash != hash || calls->depth != depth ||
                     memcmp(calls->address, address, depth * sizeof *address) != 0))
        calls = calls->next;
    if (!calls && depth && (calls = calls_make(address, depth, hash)))
        calls->cut = cut;
    return calls ? calls : &no_calls;
}

/* -- hooks ------------------------------------------------------------------------------------ */

static bool put_locked(const struct weir__sampled *sampled)
{
    weir__assert(weir__lock_is_mine(&samples_lock));
    if (!weir__pointer_map_reserve(&samples.map, sizeof *sampled, &weir__meta_map, NULL))
        return false;
    struct weir__sampled *there = weir__pointer_map_put(&samples.map, sampled->block);
    const void *key = there->block;
    *there = *sampled;
    there->block = key;
    return true;
}

static void missed_add(void)
{
    __atomic_add_fetch(&samples.missed, 1, __ATOMIC_RELAXED);
}

static WEIR__NOINLINE void on_taken(weir_allocator *a, const void *block, size_t requested,
                                    weir_tag tag)
{
    const void *address[WEIR__STACKS_DEPTH];
    bool cut;
    int saved = errno;
    uint32_t depth = inside ? 0 : weir__stacks_now(address, &cut);
    if (samples_enter()) {
        struct weir__sampled sampled = {.block = block,
                                        .requested = requested,
                                        .mean = samples.mean,
                                        .allocator = a,
                                        .tag = tag};
        if (samples.mean) {
            sampled.calls = calls_keep_locked(address, depth, cut);
            if (!put_locked(&sampled))
                missed_add();
        }
        samples_leave();
    }
    errno = saved;
}

/* Takes it out. False: it is not there. */
static bool remove_locked(const void *block, struct weir__sampled *sampled)
{
    weir__assert(weir__lock_is_mine(&samples_lock));
    struct weir__sampled *there = weir__pointer_map_find(&samples.map, block);
    if (!there)
        return false;
    *sampled = *there;
    sampled->block = block;
    weir__pointer_map_remove(&samples.map, there);
    return true;
}

static struct freed *freed_place(const void *block)
{
    uint64_t key = (uint64_t)(uintptr_t)block * UINT64_C(0x9e3779b97f4a7c15);
    return &samples.freed[key >> 56];
}

static void freed_keep_locked(const struct weir__sampled *sampled, const struct weir__calls *calls)
{
    _Static_assert(FREED == 1u << 8, "an address has eight bits of a place");
    struct freed *place = freed_place(sampled->block);
    __atomic_store_n(&place->block, NULL, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    weir__relaxed_set(place->allocated, sampled->calls);
    weir__relaxed_set(place->freed, calls);
    weir__relaxed_set(place->requested, sampled->requested);
    __atomic_store_n(&place->block, sampled->block, __ATOMIC_RELEASE);
}

static WEIR__NOINLINE void on_freed(const void *block)
{
    const void *address[WEIR__STACKS_DEPTH];
    struct weir__sampled sampled;
    bool cut = false;
    int saved = errno;
    bool wanted = !inside && weir__relaxed_get(samples.mean) <= WEIR__FREED_MEAN;
    uint32_t depth = wanted ? weir__stacks_now(address, &cut) : 0;
    if (samples_enter()) {
        if (remove_locked(block, &sampled))
            freed_keep_locked(&sampled, calls_keep_locked(address, depth, cut));
        samples_leave();
    }
    errno = saved;
}

static void *on_lift(const void *block)
{
    int saved = errno;
    struct weir__sampled sampled, *lifted = NULL;
    if (samples_enter()) {
        if (remove_locked(block, &sampled)) {
            lifted = weir__meta_allocate(sizeof *lifted);
            if (lifted)
                *lifted = sampled;
            else
                missed_add();
        }
        samples_leave();
    }
    errno = saved;
    return lifted;
}

/* Does a sample of one size stay one at another? So that the chance is what the new size has. */
static bool stays(const struct weir__sampled *sampled, size_t requested)
{
    if (requested >= sampled->requested)
        return true;
    double was = weir__estimate_chance(sampled->requested, sampled->mean);
    return weir__sample_uniform() * was < weir__estimate_chance(requested, sampled->mean);
}

static void on_place(void *sample, const void *block, size_t requested)
{
    struct weir__sampled *sampled = sample;
    int saved = errno;
    if (samples_enter()) {
        bool kept = sampled->mean == samples.mean && stays(sampled, requested);
        sampled->block = block;
        sampled->requested = requested;
        if (kept && !put_locked(sampled))
            missed_add();
        samples_leave();
    }
    weir__meta_free(sampled, sizeof *sampled);
    errno = saved;
}

static void on_destroyed(weir_allocator *a)
{
    if (!samples_enter())
        return;
    struct weir__sampled *at = weir__pointer_map_next(&samples.map, NULL);
    while (at) {
        while (at->block && at->allocator == a) /* another may have moved into its place */
            weir__pointer_map_remove(&samples.map, at);
        at = weir__pointer_map_next(&samples.map, at);
    }
    samples_leave();
}

static const struct weir__sample_hooks hooks = {.taken = on_taken,
                                                .freed = on_freed,
                                                .lift = on_lift,
                                                .place = on_place,
                                                .destroyed = on_destroyed};

/* -- for who asks ----------------------------------------------------------------------------- */

int weir__samples_begin(uint64_t mean)
{
    if (mean)
        weir__stacks_ready();
    int error = weir__sample_begin(0, &hooks);
    if (error || !samples_enter())
        return error;
    weir__pointer_map_clear(&samples.map);
    weir__relaxed_set(samples.mean, mean);
    __atomic_store_n(&samples.missed, 0, __ATOMIC_RELAXED);
    samples_leave();
    return weir__sample_begin(mean, &hooks);
}

size_t weir__samples_number(uint64_t *missed)
{
    size_t n = 0;
    *missed = weir__relaxed_get(samples.missed);
    if (samples_enter()) {
        n = samples.map.used;
        samples_leave();
    }
    return n;
}

bool weir__samples_find(const void *block, struct weir__sampled *sampled)
{
    bool found = false;
    if (samples_enter()) {
        const struct weir__sampled *there = weir__pointer_map_find(&samples.map, block);
        found = there;
        if (there)
            *sampled = *there;
        samples_leave();
    }
    return found;
}

struct weir__sampled *weir__samples_copy(size_t *n, size_t *capacity)
{
    struct weir__sampled *copy = NULL;
    *n = *capacity = 0;
    if (!samples_enter())
        return NULL;
    *n = *capacity = samples.map.used;
    copy = *n ? weir__meta_allocate(*n * sizeof *copy) : NULL;
    size_t i = 0;
    for (const struct weir__sampled *at = NULL;
         copy && (at = weir__pointer_map_next(&samples.map, at));)
        copy[i++] = *at;
    samples_leave();
    return copy;
}

bool weir__samples_freed(const void *block, struct weir__sampled_freed *freed)
{
    const struct freed *place = freed_place(block);
    if (!block || __atomic_load_n(&place->block, __ATOMIC_ACQUIRE) != block)
        return false;
    freed->allocated = weir__relaxed_get(place->allocated);
    freed->freed = weir__relaxed_get(place->freed);
    freed->requested = weir__relaxed_get(place->requested);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return weir__relaxed_get(place->block) == block;
}
