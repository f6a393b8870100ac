/*
 * bench/loads/design.c - exact statistics as one would write them first: one mutex over a hash map
 * from pointer to size, over malloc. The map is std::unordered_map's: its own node from malloc
 * for each entry, buckets of a prime number that grows when there are more entries than buckets,
 * the pointer itself as hash. Knows nothing of weir; any thread.
 */
#include "bench/harness/load.h"

#include <pthread.h>

struct design_node {
    struct design_node *next;
    void *block;
    size_t size;
};

static struct {
    pthread_mutex_t mutex;
    struct design_node **buckets;
    size_t nbuckets, nentries;
    size_t total, peak;
} design = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Each about twice the one before. */
static const size_t design_primes[] = {13,      29,       59,       127,      257,      541,
                                       1109,    2357,     5087,     10273,    20753,    42043,
                                       85229,   172933,   351061,   712697,   1447153,  2938679,
                                       5967347, 12117689, 24607243, 49969847, 101473717};

static struct design_node **design_bucket(const void *block)
{
    return &design.buckets[(uintptr_t)block % design.nbuckets];
}

/* With the mutex held. */
static bool design_grow_locked(void)
{
    size_t i = 0, old = design.nbuckets;
    while (design_primes[i] <= old)
        i++;
    struct design_node **before = design.buckets;
    struct design_node **grown = bench_calloc(design_primes[i], sizeof(*grown));
    if (!grown)
        return false;
    design.buckets = grown;
    design.nbuckets = design_primes[i];
    for (size_t k = 0; k < old; k++)
        for (struct design_node *node = before[k], *next; node; node = next) {
            next = node->next;
            struct design_node **bucket = design_bucket(node->block);
            node->next = *bucket;
            *bucket = node;
        }
    bench_free(before);
    return true;
}

static bool design_record_locked(void *block, size_t size)
{
    if (design.nentries == design.nbuckets && !design_grow_locked())
        return false;
    struct design_node *node = bench_malloc(sizeof(*node));
    if (!node)
        return false;
    struct design_node **bucket = design_bucket(block);
    *node = (struct design_node){.next = *bucket, .block = block, .size = size};
    *bucket = node;
    design.nentries++;
    design.total += size;
    if (design.total > design.peak)
        design.peak = design.total;
    return true;
}

/* True: the block was one of ours. */
static bool design_forget_locked(const void *block, size_t *size)
{
    if (design.nbuckets == 0)
        return false;
    for (struct design_node **at = design_bucket(block); *at; at = &(*at)->next) {
        struct design_node *node = *at;
        if (node->block != block)
            continue;
        *at = node->next;
        *size = node->size;
        design.total -= node->size;
        design.nentries--;
        bench_free(node);
        return true;
    }
    return false;
}

void *design_allocate(size_t size)
{
    pthread_mutex_lock(&design.mutex);
    void *block = bench_malloc(size);
    if (block && !design_record_locked(block, size)) {
        bench_free(block);
        block = NULL;
    }
    pthread_mutex_unlock(&design.mutex);
    return block;
}

void design_deallocate(void *block)
{
    size_t size;
    pthread_mutex_lock(&design.mutex);
    if (design_forget_locked(block, &size))
        bench_free(block);
    pthread_mutex_unlock(&design.mutex);
}

void *design_reallocate(void *block, size_t size)
{
    size_t old = 0;
    pthread_mutex_lock(&design.mutex);
    void *moved = NULL;
    if (design_forget_locked(block, &old)) {
        moved = bench_realloc(block, size);
        if (!design_record_locked(moved ? moved : block, moved ? size : old))
            moved = NULL;
    }
    pthread_mutex_unlock(&design.mutex);
    return moved;
}

void design_figures(size_t *total, size_t *peak, size_t *count)
{
    pthread_mutex_lock(&design.mutex);
    *total = design.total;
    *peak = design.peak;
    *count = design.nentries;
    pthread_mutex_unlock(&design.mutex);
}

void design_reset_peak(void)
{
    pthread_mutex_lock(&design.mutex);
    design.peak = design.total;
    pthread_mutex_unlock(&design.mutex);
}
