/*
 * alloc/reallocate.c - resizing: where the block stands if its class or its pages allow, else by
 * moving it. Either is one change of the figures, from the old size to the new: the new memory is
 * taken and filled uncounted, then the change is counted, then the old memory goes.
 */
#include "alloc/reallocate.h"

#include "alloc/body.h"
#include "alloc/guarded.h"
#include "alloc/hardened_small.h"
#include "alloc/large.h"
#include "alloc/misuse.h"
#include "alloc/provided.h"
#include "alloc/refusal.h"
#include "alloc/small.h"
#include "alloc/trace.h"
#include "base/error.h"
#include "pool/fill.h"

#include <errno.h>
#include <string.h>

/* -- between pools ---------------------------------------------------------------------- */

/* Memory for a block that is not live yet. */
struct carrier {
    void *block;
    size_t usable;
    int sizeclass;             /* negative: a span */
    struct weir__cached small; /* or */
    struct weir__span *span;
};

static struct weir__span *guarded_take(weir_allocator *a, const struct weir__request *request,
                                       const struct weir__found *found)
{
    struct weir__claim claim = {.tag = found->tag};
    return weir__guarded_take(a, request->size, request->alignment, &claim);
}

static int class_of(const weir_allocator *a, size_t size, size_t alignment)
{
    return weir__hardened_is(a) ? weir__hardened_class(size, alignment)
                                : weir__class_of(size, weir__max(alignment, WEIR__GRAIN));
}

static bool carrier_take(weir_allocator *a, const struct weir__request *request,
                         const struct weir__found *found, struct carrier *c)
{
    weir__assert(weir__is_power_of_two(request->alignment));
    c->sizeclass =
        request->sampled || request->guarded ? -1 : class_of(a, request->size, request->alignment);
    if (c->sizeclass >= 0) {
        c->usable = weir__hardened_is(a) ? request->size : weir__class_bytes[c->sizeclass];
        bool taken = weir__small_take(a, (unsigned)c->sizeclass, &c->small);
        c->block = taken ? c->small.block : NULL;
        return taken;
    }
    c->span = request->guarded ? guarded_take(a, request, found) : NULL;
    if (!c->span)
        c->span = weir__large_take(a, request, found->tag);
    if (!c->span)
        return false;
    if (found->old)
        weir__span_make_old(c->span);
    if (request->sampled)
        weir__span_make_sampled(c->span);
    c->usable = weir__span_usable(c->span);
    c->block = weir__span_block(c->span);
    return true;
}

static void carrier_give(weir_allocator *a, const struct carrier *c)
{
    if (c->sizeclass >= 0)
        weir__small_give(a, c->small);
    else
        weir__large_give(a, c->span);
}

static void carrier_make_live(const weir_allocator *a, const struct carrier *c,
                              const struct weir__request *request, const struct weir__found *found)
{
    if (c->sizeclass < 0)
        return;
    uint32_t bits = (request->alignment > WEIR_DEFAULT_ALIGNMENT ? WEIR__ENTRY_ALIGNED : 0) |
                    (found->old ? WEIR__ENTRY_OLD : 0);
    uint32_t live = WEIR__ENTRY_LIVE | bits | found->tag << WEIR__ENTRY_TAG_SHIFT;
    if (weir__hardened_is(a))
        weir__hardened_begin(&c->small, request->size, live);
    else
        weir__entry_set(c->small.entry, live | (uint32_t)request->size);
}

/* Gives the old memory back, uncounted. If another thread freed the block meanwhile, that free was
 * counted as well, and is taken back. */
static void former_give(weir_allocator *a, void *block, const struct weir__found *found)
{
    weir__assert(found->kind == WEIR__KIND_SMALL || found->kind == WEIR__KIND_LARGE);
    bool first = found->kind == WEIR__KIND_SMALL ? weir__small_give_live(a, block, found)
                                                 : weir__large_give(a, found->span);
    if (weir__likely(first))
        return;
    weir__count_mend(a, found->requested); /* first: the handler may jump away */
    weir__misuse(WEIR_MISUSE_DOUBLE_FREE, block, a->name);
}

/* The program may have used all usable bytes, so all are copied. */
static void *pooled_move(weir_allocator *a, void *block, const struct weir__found *found,
                         struct weir__request *request)
{
    weir__assert(a->body->page_heap);
    struct carrier c = {0};
    uint64_t sequence = 0;
    if (!carrier_take(a, request, found, &c))
        return weir__request_refuse(request, "out of memory", NULL);
    if (!weir__count(a, (int64_t)request->size - (int64_t)found->requested, 0, 0, &sequence)) {
        carrier_give(a, &c);
        return weir__request_refuse(request, "over the limit", weir__meter_refused);
    }
    weir__fill_taken(c.block, c.usable);
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): what was found is no NULL. */
    memcpy(c.block, block, weir__min(request->size, found->usable));
    carrier_make_live(a, &c, request, found);
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(a, sequence, block,
                            &(struct weir__trace_block){c.block, request->size, found->requested,
                                                        c.usable, found->alignment, found->tag});
    former_give(a, block, found);
    if (WEIR__FILLS)
        weir__late_misuses_look();
    return c.block;
}

/* -- any block ---------------------------------------------------------------------------- */

/* Without copying; NULL: it must be copied, or a limit refused. */
static void *resize_in_place(weir_allocator *a, void *block, const struct weir__found *found,
                             size_t size, bool *refused)
{
    if (found->kind != WEIR__KIND_SMALL)
        return weir__large_resize(a, block, found, size, refused);
    return weir__small_resize_slow(a, block, found, size, refused) ? block : NULL;
}

/* Within the thread's own heap: a small block that stays small. NULL: another way. */
static void *resize_within(weir_allocator *a, void *block, const struct weir__found *found,
                           size_t size)
{
    int sizeclass = weir__class_of(size, weir__max(found->alignment, WEIR__GRAIN));
    if (found->kind != WEIR__KIND_SMALL || sizeclass < 0)
        return NULL;
    return weir__small_resize(a, weir__heap_cached(a), block, found->place, size,
                              (size_t)sizeclass << WEIR__BIN_SHIFT);
}

/* The slow ways. `moves`: it is not to stay where it is; nor does a small one that is sampled. */
static void *resize_slow(weir_allocator *a, const struct weir__found *found,
                         struct weir__request *request, bool moves)
{
    bool refused = false;
    void *to = NULL;
    if (found->kind == WEIR__KIND_PROVIDED)
        return weir__provided_move(a, request->block, found, request);
    if (!moves && !request->guarded && !(request->sampled && found->kind == WEIR__KIND_SMALL))
        to = resize_in_place(a, request->block, found, request->size, &refused);
    if (refused)
        return weir__request_refuse(request, "over the limit", weir__meter_refused);
    return to ? to : pooled_move(a, request->block, found, request);
}

/* Of a block that is sampled or guarded, or comes to be. A sample is out of the table while its
 * block moves, for its former address may soon be another's. A guarded block that is not due again
 * moves to where it is not guarded. */
static WEIR__NOINLINE void *resize_sampled(weir_allocator *a, const struct weir__found *found,
                                           struct weir__request *request, unsigned due, bool moves)
{
    const struct weir__sample_hooks *hooks = weir__sample_told();
    void *sample = found->sampled && hooks ? hooks->lift(request->block) : NULL;
    bool begins = !sample && (due & WEIR__DUE_SAMPLE);
    request->sampled = sample || begins || (found->sampled && !found->guarded);
    request->guarded = (due & WEIR__DUE_GUARD) && found->kind != WEIR__KIND_PROVIDED &&
                       weir__guarded_fits(a, request->size, request->alignment);
    void *to = resize_slow(a, found, request, moves);
    request->sampled = request->guarded = false; /* if it is tried again, it is asked again */
    if (sample)
        hooks->place(sample, to ? to : request->block, to ? request->size : found->requested);
    if (!to || !begins)
        return to;
    if (found->kind == WEIR__KIND_LARGE)
        weir__span_make_sampled(weir__block_find(a, to).span);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a sample is due to who has hooks. */
    hooks->taken(a, to, request->size, (weir_tag)found->tag);
    return to;
}

/* Of one that is sampled nothing is asked. */
static unsigned resize_due(weir_allocator *a, const struct weir__found *found, size_t size)
{
    struct weir__heap *own = weir__sample_is_on() ? weir__heap_own(a) : NULL;
    unsigned due =
        weir__sample_due(own ? &own->window : NULL, (int64_t)size - (int64_t)found->requested);
    return found->sampled && !found->guarded ? due & WEIR__DUE_GUARD : due;
}

/* `found` is the live block; its alignment there is what the result must have. */
static void *found_resize(weir_allocator *a, const struct weir__found *found,
                          struct weir__request *request, bool moves)
{
    weir__assert(found->kind != WEIR__KIND_NONE);
    void *to = NULL;
    if (request->size > WEIR__REQUEST_MAX || request->alignment > PTRDIFF_MAX / 2 + 1)
        return weir__request_refuse(request, "impossibly large", NULL);
    if (!moves && (to = resize_within(a, request->block, found, request->size)))
        return to;
    unsigned due = resize_due(a, found, request->size);
    if (weir__unlikely(found->sampled || due))
        return resize_sampled(a, found, request, due, moves);
    return resize_slow(a, found, request, moves);
}

void *weir__reallocate_once(weir_allocator *a, struct weir__request *request)
{
    struct weir__found found;
    if (!weir__block_expect(a, request->block, &found)) {
        errno = EINVAL;
        return NULL;
    }
    if (weir__hardened_is(a) && !weir__hardened_expect(a, request->block, &found)) {
        errno = EINVAL;
        return NULL;
    }
    bool strict = request->alignment > found.alignment; /* than the block is known to be */
    if (request->alignment)
        found.alignment = request->alignment;
    else
        request->alignment = found.alignment;
    return found_resize(a, &found, request, strict);
}

static void *reallocate(weir_allocator *a, struct weir__request *request)
{
    void *to = weir__reallocate_once(a, request);
    return weir__likely(to != NULL) || !request->why ? to : weir__refused(a, request);
}

void *weir__reallocate(weir_allocator *a, void *block, size_t size)
{
    if (!block)
        return weir_allocate(a, size);
    return reallocate(a, &(struct weir__request){.size = size, .block = block});
}

void *weir_reallocate(weir_allocator *a, void *block, size_t size)
{
    void *to = weir__reallocate(a, block, size);
    if (weir__unlikely(!to && errno != EINVAL))
        errno = ENOMEM;
    return to;
}

void *weir_reallocate_aligned(weir_allocator *a, void *block, size_t size, size_t alignment)
{
    if (!weir__is_power_of_two(alignment))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", alignment);
    if (!block)
        return weir_allocate_aligned(a, size, alignment);
    void *to = weir__reallocate_as(a, block, size, alignment);
    if (weir__unlikely(!to && errno != EINVAL))
        errno = ENOMEM;
    return to;
}

void *weir__reallocate_as(weir_allocator *a, void *block, size_t size, size_t alignment)
{
    if (!block) {
        errno = EINVAL;
        return NULL;
    }
    return reallocate(
        a, &(struct weir__request){.size = size, .alignment = alignment, .block = block});
}
