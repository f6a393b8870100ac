/* pool/returns.c - see returns.h for who owns a batch when. */
#include "pool/returns.h"

#include "backing/meta.h"

#include <string.h>

#define ALL ((1u << WEIR__RETURNS) - 1)

struct weir__returns *weir__returns_make(void)
{
    struct weir__returns *returns = weir__meta_allocate(sizeof *returns);
    if (returns)
        returns->free = ALL;
    return returns;
}

/* A bit of `free` that is the caller's now, or 0. */
static uint32_t batch_claim(struct weir__returns *returns)
{
    uint32_t free = weir__relaxed_get(returns->free);
    while (free && !__atomic_compare_exchange_n(&returns->free, &free, free & (free - 1), true,
                                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        continue;
    return free & -free;
}

bool weir__returns_put(struct weir__returns *returns, const struct weir__cached *blocks,
                       unsigned count)
{
    weir__assert(count && count <= WEIR__BATCH_MAX);
    uint32_t bit = returns ? batch_claim(returns) : 0;
    if (!bit)
        return false;
    struct weir__batch *batch = &returns->batches[__builtin_ctz(bit)];
    batch->count = count;
    memcpy(batch->blocks, blocks, count * sizeof *blocks);
    __atomic_fetch_or(&returns->full, bit, __ATOMIC_RELEASE);
    return true;
}

void weir__returns_emptied(struct weir__returns *returns, const struct weir__batch *batch)
{
    weir__assert(weir__relaxed_get(returns->full) >> (batch - returns->batches) & 1);
    uint32_t bit = 1u << (batch - returns->batches);
    __atomic_fetch_and(&returns->full, ~bit, __ATOMIC_RELAXED);
    __atomic_fetch_or(&returns->free, bit, __ATOMIC_RELEASE);
}

size_t weir__returns_count(const struct weir__returns *returns)
{
    size_t count = 0;
    uint32_t full = returns ? __atomic_load_n(&returns->full, __ATOMIC_ACQUIRE) : 0;
    for (; full; full &= full - 1)
        count += returns->batches[__builtin_ctz(full)].count;
    return count;
}

void weir__returns_unmake(struct weir__returns *returns)
{
    weir__meta_free(returns, sizeof *returns);
}
