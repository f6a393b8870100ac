/* device_pool/bins.c - segregated fits with a bitmap, after Wilson et al., "Dynamic Storage
 * Allocation: A Survey" (1995), 3.6. */
#include "device_pool/pool.h"

#define LOOK_AT_MOST 32

static unsigned bin_of(size_t size)
{
    size_t units = size / WEIR__DEVICE_UNIT;
    if (units < 8)
        return (unsigned)units;
    unsigned log = weir__log2(units);
    unsigned bin = (log - 2) * 8 + (unsigned)(units >> (log - 3) & 7);
    return bin < WEIR__DEVICE_BINS ? bin : WEIR__DEVICE_BINS - 1;
}

void weir__device_bins_add(struct weir__device_bins *bins, struct weir__device_block *block)
{
    unsigned bin = bin_of(block->size);
    block->bin = (uint16_t)bin;
    weir__list_push(&bins->lists[bin], &block->link);
    bins->used[bin / 64] |= (uint64_t)1 << bin % 64;
    bins->words |= (uint64_t)1 << bin / 64;
}

void weir__device_bins_remove(struct weir__device_bins *bins, struct weir__device_block *block)
{
    unsigned bin = block->bin;
    weir__list_remove(&bins->lists[bin], &block->link);
    if (bins->lists[bin].first)
        return;
    bins->used[bin / 64] &= ~((uint64_t)1 << bin % 64);
    if (!bins->used[bin / 64])
        bins->words &= ~((uint64_t)1 << bin / 64);
}

/* The first non-empty bin from `bin` on, or WEIR__DEVICE_BINS. */
static unsigned bins_from(const struct weir__device_bins *bins, unsigned bin)
{
    unsigned word = bin / 64;
    if (bin >= WEIR__DEVICE_BINS)
        return WEIR__DEVICE_BINS;
    uint64_t used = bins->used[word] & ~(uint64_t)0 << bin % 64;
    if (!used) {
        uint64_t words = bins->words & ~(uint64_t)1 << word;
        if (!words)
            return WEIR__DEVICE_BINS;
        word = (unsigned)__builtin_ctzll(words);
        used = bins->used[word];
    }
    return word * 64 + (unsigned)__builtin_ctzll(used);
}

static bool is_better(const struct weir__device_block *a, const struct weir__device_block *b)
{
    return !b || a->size < b->size || (a->size == b->size && a->address < b->address);
}

/* The best of a bin, or NULL. */
static struct weir__device_block *bin_fit(const struct weir__list *bin, size_t size,
                                          size_t range_max)
{
    struct weir__device_block *best = NULL;
    int looks = LOOK_AT_MOST;
    for (const struct weir__link *at = bin->first; at && looks; at = at->next, looks--) {
        struct weir__device_block *b = weir__device_block_of(at);
        if (b->size >= size && b->range->size <= range_max && is_better(b, best))
            best = b;
    }
    return best;
}

struct weir__device_block *weir__device_bins_fit(const struct weir__device_bins *bins, size_t size,
                                                 size_t range_max)
{
    struct weir__device_block *best = NULL;
    if (!bins->words)
        return NULL;
    for (unsigned bin = bins_from(bins, bin_of(size)); !best && bin < WEIR__DEVICE_BINS;
         bin = bins_from(bins, bin + 1))
        best = bin_fit(&bins->lists[bin], size, range_max);
    return best;
}

int weir__device_bins_before(const struct weir__device_bins *bins, int end)
{
    for (int bin = end - 1; bin >= 0; bin--)
        if (bins->lists[bin].first)
            return bin;
    return -1;
}
