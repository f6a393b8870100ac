/*
 * alloc/foreign.c - blocks that functions provide: a user's table, a device's, the C
 * library's. Their ledger is the registry; nothing is cached here.
 */
#include "alloc/block.h"
#include "alloc/trace.h"
#include "base/fault.h"

#include <errno.h>

static void *provider_allocate(struct weir__body *body, size_t size, size_t alignment)
{
    if (weir__fault_now())
        return NULL;
    return body->functions.allocate(body->user, weir__max(size, 1), alignment);
}

static void provider_free(struct weir__body *body, const struct weir__entry *entry)
{
    body->functions.deallocate(body->user, entry->block, weir__max(entry->requested, 1),
                               (size_t)1 << entry->align_shift);
}

/* A provider that gave a reason of its own said more than we could. */
static void *provider_refused(weir_allocator *a, const struct weir__request *request,
                              unsigned reasons)
{
    if (weir__fail_count() == reasons)
        return weir__allocate_failed(a, request, "the provider has none");
    weir__meter_failed(&a->body->meter);
    weir__trace_failed(a, request->size, request->alignment, ENOMEM);
    errno = ENOMEM;
    return NULL;
}

void *weir__foreign_allocate(weir_allocator *a, const struct weir__request *request)
{
    struct weir__body *body = a->body;
    size_t size = request->size;
    if (weir__meter_never_fits(&body->meter, size))
        return weir__allocate_failed(a, request, "over the limit");
    struct weir__entry entry = {.requested = size,
                                .tag = weir__word_tag(weir__here.word),
                                .align_shift = (uint8_t)weir__log2(request->alignment)};
    unsigned reasons = weir__fail_count();
    entry.block = provider_allocate(body, size, request->alignment);
    if (!entry.block)
        return provider_refused(a, request, reasons);
    uint64_t sequence = 0;
    bool kept = weir__registry_add(&body->registry, &entry);
    if (kept && weir__account(a, (int64_t)size, 1, 0, &sequence)) {
        if (weir__unlikely(sequence != 0))
            weir__trace_allocated(a, sequence,
                                  &(struct weir__trace_block){entry.block, size, 0, size,
                                                              request->alignment, entry.tag});
        return entry.block;
    }
    if (kept)
        weir__registry_remove(&body->registry, entry.block, &entry);
    provider_free(body, &entry);
    return weir__allocate_failed(a, request, kept ? "over the limit" : "no memory for the ledger");
}

void weir__foreign_free(weir_allocator *a, void *block)
{
    struct weir__entry entry;
    uint64_t sequence = 0;
    if (!weir__registry_remove(&a->body->registry, block, &entry)) {
        struct weir__found found;
        weir__block_expect(a, block, &found);
        return;
    }
    weir__account(a, -(int64_t)entry.requested, 0, 1, &sequence);
    if (weir__unlikely(sequence != 0))
        weir__trace_freed(a, sequence, block, entry.requested);
    provider_free(a->body, &entry);
}

static int entry_release(struct weir__entry *entry, void *body)
{
    provider_free(body, entry);
    return 0;
}

void weir__foreign_release_all(weir_allocator *a)
{
    weir__registry_drain(&a->body->registry, entry_release, a->body);
}
