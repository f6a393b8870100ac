/* pool/fill.c - see fill.h. */
#include "pool/fill.h"

#include "base/atomic.h"

#include <limits.h>
#include <string.h>

void weir__fill_bytes(void *start, size_t size, unsigned char pattern)
{
    memset(start, pattern, weir__min(size, WEIR__FILL_MOST));
}

void weir__fill_bytes_relaxed(void *start, size_t size, unsigned char pattern)
{
    unsigned char *at = start, *end = at + weir__min(size, WEIR__FILL_MOST);
    uint64_t word = pattern * (UINT64_MAX / UCHAR_MAX);
    for (; at < end && (uintptr_t)at % sizeof word; at++)
        weir__relaxed_set(*at, pattern);
    for (; (size_t)(end - at) >= sizeof word; at += sizeof word)
        weir__relaxed_set(*(uint64_t *)(void *)at, word);
    for (; at < end; at++)
        weir__relaxed_set(*at, pattern);
}

size_t weir__fill_broken(const void *start, size_t size, unsigned char pattern)
{
    const unsigned char *bytes = start;
    size_t most = weir__min(size, WEIR__FILL_MOST);
    if (!most || (bytes[0] == pattern && !memcmp(bytes, bytes + 1, most - 1)))
        return SIZE_MAX;
    size_t i = 0;
    while (bytes[i] == pattern)
        i++;
    return i;
}

/* Of a cached block. */
static unsigned char cached_pattern(const struct weir__cached *cached)
{
    return cached->mark & WEIR__ENTRY_ZERO ? 0 : WEIR__FILL_FREED;
}

size_t weir__fill_written(const struct weir__cached *cached)
{
    if (!cached->block || !weir__cached_is_true(cached))
        return SIZE_MAX;
    return weir__fill_broken(cached->block, weir__slab_of(cached->block)->size,
                             cached_pattern(cached));
}

void weir__fill_again(const struct weir__cached *cached)
{
    weir__assert(cached->block && weir__entry_is_cached(cached->mark));
    weir__fill_bytes(cached->block, weir__slab_of(cached->block)->size, cached_pattern(cached));
}
