/* unwind/trie.c - see trie.h. */
#include "unwind/trie.h"

#include "backing/meta.h"
#include "os/locks.h"

#include <errno.h>

#define SLOTS_FIRST 4096u

/* `address` is stored last, and 0 before: the thread that reads it reads the rest. GONE: of nobody.
 */
struct slot {
    uint64_t address;
    uint32_t parent, node;
};

#define GONE UINT64_MAX

struct table {
    uint32_t mask, count; /* count: under the lock */
    unsigned shift;
    uint32_t *paths; /* of each slot; under the lock: for the next table */
    struct slot slots[];
};

static struct {
    struct table *table; /* atomic */
    uint32_t nodes;      /* atomic; written under the lock */
} trie;
static weir__lock trie_lock WEIR__AT_START = WEIR__LOCK(STACKS);
WEIR__LOCKS_KNOW(STACKS, &trie_lock);

static struct table *table_make(uint32_t slots)
{
    size_t bytes = sizeof(struct table) + slots * sizeof(struct slot);
    struct table *table = weir__meta_allocate(bytes + slots * sizeof(uint32_t));
    if (!table)
        return NULL;
    table->mask = slots - 1;
    table->shift = WEIR__TRIE_PATH_BITS - weir__log2(slots);
    table->paths = (uint32_t *)((char *)table + bytes);
    return table;
}

static void table_put(struct table *table, const struct slot *slot, uint32_t path)
{
    uint32_t i = path >> table->shift;
    while (weir__relaxed_get(table->slots[i].address))
        i = (i + 1) & table->mask;
    weir__relaxed_set(table->slots[i].parent, slot->parent);
    weir__relaxed_set(table->slots[i].node, slot->node);
    table->paths[i] = path;
    __atomic_store_n(&table->slots[i].address, slot->address, __ATOMIC_RELEASE);
    table->count++;
}

WEIR__INLINE uint32_t table_find(const struct table *table, uint32_t path, uint32_t parent,
                                 uint64_t address)
{
    if (weir__unlikely(!table))
        return 0;
    for (uint32_t i = path >> table->shift;; i = (i + 1) & table->mask) {
        const struct slot *slot = &table->slots[i];
        uint64_t there = __atomic_load_n(&slot->address, __ATOMIC_ACQUIRE);
        if (!there)
            return 0;
        if (there == address && weir__relaxed_get(slot->parent) == parent)
            return weir__relaxed_get(slot->node);
    }
}

void weir__trie_expect(uint32_t path)
{
    const struct table *table = __atomic_load_n(&trie.table, __ATOMIC_ACQUIRE);
    if (weir__likely(table))
        __builtin_prefetch(&table->slots[path >> table->shift]);
}

uint32_t weir__trie_find(uint32_t path, uint32_t parent, uint64_t address)
{
    return table_find(__atomic_load_n(&trie.table, __ATOMIC_ACQUIRE), path, parent, address);
}

/* Room for `n` more. False: there is no memory. The former table stays, as trie.h says. */
static bool make_room_locked(uint32_t n)
{
    struct table *old = trie.table, *table;
    uint32_t slots = old ? old->mask + 1 : SLOTS_FIRST / 2;
    if (old && old->count + n <= slots - slots / 4)
        return true;
    do
        slots *= 2;
    while (n > slots / 4);
    table = table_make(slots);
    if (!table)
        return false;
    for (uint32_t i = 0; old && i <= old->mask; i++)
        if (old->slots[i].address && old->slots[i].address != GONE)
            table_put(table, &old->slots[i], old->paths[i]);
    __atomic_store_n(&trie.table, table, __ATOMIC_RELEASE);
    return true;
}

/* How many, at most n, may be added below a parent. */
static unsigned add_locked(uint32_t path, uint32_t parent, const uint64_t *addresses, unsigned n,
                           weir__trie_writer *write, uint32_t *nodes)
{
    uint32_t left = WEIR__TRIE_MOST - 1 - trie.nodes, first = trie.nodes + 1;
    n = n > left ? left : n;
    if (!n || !make_room_locked(n) || !write(first, parent, addresses, n))
        return 0;
    __atomic_store_n(&trie.nodes, trie.nodes + n, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < n; i++) {
        nodes[i] = first + i;
        path = weir__trie_path(path, addresses[i]);
        table_put(trie.table, &(struct slot){addresses[i], i ? first + i - 1 : parent, first + i},
                  path);
    }
    return n;
}

bool weir__trie_add(uint32_t path, uint32_t parent, const uint64_t *addresses, unsigned n,
                    weir__trie_writer *write, uint32_t *nodes)
{
    unsigned known = 0;
    uint32_t node = parent;
    int saved = errno;
    weir__lock_take(&trie_lock);
    while (known < n) {
        uint32_t there = weir__trie_path(path, addresses[known]);
        uint32_t next = table_find(trie.table, there, node, addresses[known]);
        if (!next)
            break;
        nodes[known++] = node = next;
        path = there;
    }
    if (known < n)
        known += add_locked(path, node, addresses + known, n - known, write, nodes + known);
    weir__lock_drop(&trie_lock);
    errno = saved;
    for (unsigned i = known; i < n; i++)
        nodes[i] = known ? nodes[known - 1] : parent;
    return known == n;
}

void weir__trie_forget(uint64_t start, uint64_t end)
{
    weir__lock_take(&trie_lock);
    struct table *table = trie.table;
    for (uint32_t i = 0; table && i <= table->mask; i++) {
        uint64_t address = table->slots[i].address;
        if (address > start && address <= end)
            weir__relaxed_set(table->slots[i].address, GONE);
    }
    weir__lock_drop(&trie_lock);
}

void weir__trie_reset(void)
{
    weir__lock_take(&trie_lock);
    struct table *table = trie.table;
    for (uint32_t i = 0; table && i <= table->mask; i++)
        weir__relaxed_set(table->slots[i].address, 0);
    if (table)
        table->count = 0;
    weir__relaxed_set(trie.nodes, 0);
    weir__lock_drop(&trie_lock);
}

uint32_t weir__trie_nodes(void)
{
    return weir__relaxed_get(trie.nodes);
}

void weir__trie_each(void (*visit)(uint64_t address, void *user), void *user)
{
    const struct table *table = __atomic_load_n(&trie.table, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; table && i <= table->mask; i++) {
        uint64_t address = weir__relaxed_get(table->slots[i].address);
        if (address && address != GONE)
            visit(address, user);
    }
}
