/* tools/report/keys.c - open addressing; see keys.h. */
#include "tools/report/keys.h"
#include "tools/common/memory.h"

#include <stdlib.h>

static size_t slot_of(const struct report_keys *k, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash ^ hash >> 32) & (k->nslots - 1);
    while (k->slots[at] && k->keys[k->slots[at] - 1] != key)
        at = (at + 1) & (k->nslots - 1);
    return at;
}

static void slots_grow(struct report_keys *k)
{
    free(k->slots);
    k->nslots = k->nslots ? 2 * k->nslots : 64;
    k->slots = memory_zeroed(k->nslots, sizeof *k->slots);
    for (size_t i = 0; i < k->n; i++)
        k->slots[slot_of(k, k->keys[i])] = (uint32_t)i + 1;
}

uint32_t report_keys_find(const struct report_keys *k, uint64_t key)
{
    size_t at = k->nslots ? slot_of(k, key) : 0;
    return k->nslots && k->slots[at] ? k->slots[at] - 1 : UINT32_MAX;
}

uint32_t report_keys_add(struct report_keys *k, uint64_t key)
{
    if (2 * (k->n + 1) > k->nslots)
        slots_grow(k);
    size_t at = slot_of(k, key);
    if (!k->slots[at]) {
        k->keys = memory_grow(k->keys, k->n, sizeof *k->keys);
        k->keys[k->n++] = key;
        k->slots[at] = (uint32_t)k->n;
    }
    return k->slots[at] - 1;
}

void report_keys_free(struct report_keys *k)
{
    free(k->keys);
    free(k->slots);
    *k = (struct report_keys){0};
}
