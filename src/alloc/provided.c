/* alloc/provided.c - see provided.h. */
#include "alloc/provided.h"

#include "alloc/allocator.h"
#include "alloc/body.h"
#include "alloc/count.h"
#include "alloc/trace.h"
#include "backing/backing.h"
#include "base/error.h"
#include "base/fault.h"
#include "os/memory_tool.h"
#include "pool/fill.h"
#include "track/freed.h"

#include <errno.h>

static const char over_limit[] = "over the limit";

/* What the provider is asked for. A block of size 0 is one byte of the provider's. */
static size_t provider_size(const struct weir__foreign *entry)
{
    size_t size = weir__max(entry->requested, 1);
    return entry->padded ? size + ((size_t)1 << entry->align_shift) : size;
}

static void *provider_call(struct weir__body *body, const struct weir__foreign *entry)
{
    return body->functions.allocate(body->user, provider_size(entry),
                                    (size_t)1 << entry->align_shift);
}

static void provider_return(struct weir__body *body, const struct weir__foreign *entry)
{
    body->functions.deallocate(body->user, (char *)entry->block - entry->shift,
                               provider_size(entry), (size_t)1 << entry->align_shift);
}

/* The same with room to align the block in. The ledger has the shift: no byte is written. */
static void provider_padded(struct weir__body *body, struct weir__foreign *entry)
{
    size_t alignment = (size_t)1 << entry->align_shift;
    entry->block = NULL;
    if (alignment > (size_t)PTRDIFF_MAX - weir__max(entry->requested, 1))
        return;
    entry->padded = true;
    char *start = provider_call(body, entry);
    if (!start)
        return;
    entry->shift = (size_t)(-(uintptr_t)start & (alignment - 1));
    entry->block = start + entry->shift;
}

/* `at` was not as aligned as it was asked for: what is not aligned better need not be tried. */
static void provider_misaligned(struct weir__body *body, const void *at)
{
    uint8_t from = (uint8_t)(__builtin_ctzll((uintptr_t)at) + 1);
    uint8_t known = weir__relaxed_get(body->shifts_from);
    if (!known || from < known)
        weir__relaxed_set(body->shifts_from, from);
}

static void provider_aligned(struct weir__body *body, struct weir__foreign *entry)
{
    uint8_t from = weir__relaxed_get(body->shifts_from);
    bool tries = !from || entry->align_shift < from;
    entry->block = tries ? provider_call(body, entry) : NULL;
    bool misaligned = (uintptr_t)entry->block & (((size_t)1 << entry->align_shift) - 1);
    if (misaligned) {
        provider_misaligned(body, entry->block);
        provider_return(body, entry);
    }
    if (misaligned || !tries)
        provider_padded(body, entry);
}

/* entry->block, NULL where there is none. A memory tool is told to forbid one of size 0. */
static void *provider_allocate(struct weir__body *body, struct weir__foreign *entry)
{
    weir__assert(!body->page_heap && !entry->padded && !entry->shift);
    if (weir__fault_now())
        return NULL;
    provider_aligned(body, entry);
    if (entry->block)
        weir__freed_forget(entry->block);
    if (entry->block && !entry->requested && !body->functions.zero)
        weir__os_memory_forbid(entry->block, 1);
    return entry->block;
}

/* Has the block a pattern (pool/fill.h)? Not where a user's functions may have memory that the host
 * cannot write, nor where a tool tells what was never written. */
static bool provider_fills(const struct weir__body *body)
{
    return WEIR__FILLS && body->filled && !body->functions.zero && !weir__os_memory_tool();
}

static void provider_free(struct weir__body *body, const struct weir__foreign *entry)
{
    weir__assert(entry->block);
    if (!entry->requested && !body->functions.zero)
        weir__os_memory_permit(entry->block, 1);
    if (provider_fills(body))
        weir__fill_freed(entry->block, entry->requested);
    weir__freed_add(entry->block, body->handle);
    provider_return(body, entry);
}

/* Keeps the reason of a provider that gave one. */
static void provider_refuse(struct weir__request *request, unsigned reasons)
{
    unsigned now = weir__fail_count();
    request->reasons = now == reasons ? 0 : now;
    weir__request_refuse(request, "the provider has none", NULL);
}

/* Memory for a block that is neither in the ledger nor counted. entry->block is NULL where there
 * is none: the request is refused then. */
static void provided_take(weir_allocator *a, struct weir__request *request, uint32_t tag,
                          struct weir__foreign *entry)
{
    *entry = (struct weir__foreign){.requested = request->size,
                                    .tag = tag,
                                    .align_shift = (uint8_t)weir__log2(request->alignment)};
    unsigned reasons = weir__fail_count();
    if (weir__meter_never_fits(&a->body->meter, request->size))
        weir__request_refuse(request, "over the limit", NULL);
    else if (!provider_allocate(a->body, entry))
        provider_refuse(request, reasons);
    else if (!request->zeroed && provider_fills(a->body))
        weir__fill_taken(entry->block, request->size);
}

/* The memory goes back; what was to be a block was never counted. `error`: of a function that
 * failed; 0: memory or the limit does not suffice. */
static void *provided_undo(weir_allocator *a, struct weir__request *request,
                           const struct weir__foreign *entry, int error, const char *why)
{
    weir__assert(entry->block);
    provider_free(a->body, entry);
    request->error = error;
    return weir__request_refuse(request, why, why == over_limit ? weir__meter_refused : NULL);
}

/* In the ledger, and counted as `delta` bytes and `blocks`; or not at all: why not. */
static const char *provided_begin(weir_allocator *a, struct weir__foreign *entry, int64_t delta,
                                  int blocks, uint64_t *sequence)
{
    weir__assert(entry->block && (blocks == 0 || blocks == 1));
    struct weir__body *body = a->body;
    if (!weir__registry_add(&body->registry, entry))
        return "no memory for the ledger";
    if (weir__count(a, delta, blocks, 0, sequence))
        return NULL;
    weir__registry_remove(&body->registry, entry->block, entry);
    return over_limit;
}

/* Is it to be sampled? */
static bool provided_is_due(weir_allocator *a, size_t size)
{
    struct weir__heap *own = weir__sample_is_on() ? weir__heap_own(a) : NULL;
    return weir__sample_is_due(own ? &own->window : NULL, (int64_t)size);
}

void *weir__provided_allocate(weir_allocator *a, struct weir__request *request)
{
    weir__assert(weir__is_power_of_two(request->alignment));
    struct weir__foreign entry;
    uint64_t sequence = 0;
    provided_take(a, request, weir__entry_tag(weir__here.live), &entry);
    if (!entry.block)
        return NULL;
    int error = request->zeroed ? weir__allocator_zero(a, entry.block, request->size) : 0;
    if (error)
        return provided_undo(a, request, &entry, error, "it cannot be cleared");
    entry.sampled = provided_is_due(a, entry.requested);
    const char *why = provided_begin(a, &entry, (int64_t)entry.requested, 1, &sequence);
    if (why)
        return provided_undo(a, request, &entry, 0, why);
    if (request->zeroed)
        *request->zeroed = true;
    if (weir__unlikely(sequence != 0))
        weir__trace_allocated(a, sequence,
                              &(struct weir__trace_block){entry.block, entry.requested, 0,
                                                          entry.requested, request->alignment,
                                                          entry.tag});
    if (weir__unlikely(entry.sampled))
        weir__sample_told()->taken(a, entry.block, entry.requested, (weir_tag)entry.tag);
    return entry.block;
}

/* A block that is not in the registry was never given out, or was freed before. */
static bool provided_end(weir_allocator *a, void *block, struct weir__foreign *entry)
{
    if (weir__registry_remove(&a->body->registry, block, entry))
        return true;
    struct weir__found found;
    weir__block_expect(a, block, &found);
    return false;
}

void weir__provided_free(weir_allocator *a, void *block)
{
    struct weir__foreign entry;
    uint64_t sequence = 0;
    if (!provided_end(a, block, &entry))
        return;
    weir__count(a, -(int64_t)entry.requested, 0, 1, &sequence);
    if (weir__unlikely(sequence != 0))
        weir__trace_freed(a, sequence, block, entry.requested);
    if (weir__unlikely(entry.sampled))
        weir__sample_told()->freed(block);
    provider_free(a->body, &entry);
}

void *weir__provided_move(weir_allocator *a, void *block, const struct weir__found *found,
                          struct weir__request *request)
{
    weir__assert(found->kind == WEIR__KIND_PROVIDED);
    struct weir__foreign entry, former;
    uint64_t sequence = 0;
    provided_take(a, request, found->tag, &entry);
    if (!entry.block)
        return NULL;
    entry.old = found->old;
    entry.sampled = request->sampled;
    int error =
        weir__allocator_copy(a, entry.block, block, weir__min(request->size, found->requested));
    if (error)
        return provided_undo(a, request, &entry, error, "it cannot be copied");
    int64_t delta = (int64_t)request->size - (int64_t)found->requested;
    const char *why = provided_begin(a, &entry, delta, 0, &sequence);
    if (why)
        return provided_undo(a, request, &entry, 0, why);
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(a, sequence, block,
                            &(struct weir__trace_block){entry.block, request->size,
                                                        found->requested, request->size,
                                                        found->alignment, found->tag});
    if (weir__registry_remove(&a->body->registry, block, &former)) {
        provider_free(a->body, &former);
    } else {
        weir__count_mend(a, found->requested); /* first: the handler may jump away */
        weir__misuse(WEIR_MISUSE_DOUBLE_FREE, block, a->name);
    }
    return entry.block;
}

static int foreign_release(struct weir__foreign *entry, void *body)
{
    provider_free(body, entry);
    return 0;
}

void weir__provided_release_all(weir_allocator *a)
{
    weir__registry_drain(&a->body->registry, foreign_release, a->body);
}
