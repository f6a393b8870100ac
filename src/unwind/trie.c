/* unwind/trie.c - see trie.h. */
#include "unwind/trie.h"

#include "backing/meta.h"
#include "os/locks.h"

#include <errno.h>

#define SLOTS_FIRST 4096u

/* `address` is stored last, and 0 before: whoever reads it reads the rest. GONE: of nobody. */
struct slot {
    uint64_t address;
    uint32_t parent, node;
};

#define GONE UINT64_MAX

struct table {
    uint32_t mask, count; /* count: under the lock */
    unsigned shift;
    struct slot slots[];
};

static struct {
    weir__lock lock;
    struct table *table; /* atomic */
    uint32_t nodes;      /* atomic; written under the lock */
} trie = {.lock = WEIR__LOCK(STACKS)};
WEIR__LOCKS_KNOW(STACKS, &trie.lock);

static struct table *table_make(uint32_t slots)
{
    struct table *table = weir__meta_allocate(sizeof *table + slots * sizeof(struct slot));
    if (!table)
        return NULL;
    table->mask = slots - 1;
    table->shift = 64 - weir__log2(slots);
    return table;
}

WEIR__INLINE uint32_t slot_first(const struct table *table, uint32_t parent, uint64_t address)
{
    uint64_t key = (address ^ (uint64_t)parent << 40) + parent;
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> table->shift);
}

static void table_put(struct table *table, const struct slot *slot)
{
    uint32_t i = slot_first(table, slot->parent, slot->address);
    while (weir__relaxed_get(table->slots[i].address))
        i = (i + 1) & table->mask;
    weir__relaxed_set(table->slots[i].parent, slot->parent);
    weir__relaxed_set(table->slots[i].node, slot->node);
    __atomic_store_n(&table->slots[i].address, slot->address, __ATOMIC_RELEASE);
    table->count++;
}

WEIR__INLINE uint32_t table_find(const struct table *table, uint32_t parent, uint64_t address)
{
    if (weir__unlikely(!table))
        return 0;
    for (uint32_t i = slot_first(table, parent, address);; i = (i + 1) & table->mask) {
        const struct slot *slot = &table->slots[i];
        uint64_t there = __atomic_load_n(&slot->address, __ATOMIC_ACQUIRE);
        if (!there)
            return 0;
        if (there == address && weir__relaxed_get(slot->parent) == parent)
            return weir__relaxed_get(slot->node);
    }
}

uint32_t weir__trie_find(uint32_t parent, uint64_t address)
{
    return table_find(__atomic_load_n(&trie.table, __ATOMIC_ACQUIRE), parent, address);
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
            table_put(table, &old->slots[i]);
    __atomic_store_n(&trie.table, table, __ATOMIC_RELEASE);
    return true;
}

/* How many, at most n, may be added below a parent. */
static unsigned add_locked(uint32_t parent, const uint64_t *addresses, unsigned n,
                           weir__trie_writer *write, uint32_t *nodes)
{
    uint32_t left = WEIR__TRIE_MOST - 1 - trie.nodes, first = trie.nodes + 1;
    n = n > left ? left : n;
    if (!n || !make_room_locked(n) || !write(first, parent, addresses, n))
        return 0;
    __atomic_store_n(&trie.nodes, trie.nodes + n, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < n; i++) {
        nodes[i] = first + i;
        table_put(trie.table, &(struct slot){addresses[i], i ? first + i - 1 : parent, first + i});
    }
    return n;
}

bool weir__trie_add(uint32_t parent, const uint64_t *addresses, unsigned n,
                    weir__trie_writer *write, uint32_t *nodes)
{
    unsigned known = 0;
    uint32_t node = parent;
    int saved = errno;
    weir__lock_take(&trie.lock);
    for (uint32_t next; known < n && (next = table_find(trie.table, node, addresses[known]));)
        nodes[known++] = node = next;
    if (known < n)
        known += add_locked(node, addresses + known, n - known, write, nodes + known);
    weir__lock_drop(&trie.lock);
    errno = saved;
    for (unsigned i = known; i < n; i++)
        nodes[i] = known ? nodes[known - 1] : parent;
    return known == n;
}

void weir__trie_forget(uint64_t start, uint64_t end)
{
    weir__lock_take(&trie.lock);
    struct table *table = trie.table;
    for (uint32_t i = 0; table && i <= table->mask; i++) {
        uint64_t address = table->slots[i].address;
        if (address > start && address <= end)
            weir__relaxed_set(table->slots[i].address, GONE);
    }
    weir__lock_drop(&trie.lock);
}

void weir__trie_reset(void)
{
    weir__lock_take(&trie.lock);
    struct table *table = trie.table;
    for (uint32_t i = 0; table && i <= table->mask; i++)
        weir__relaxed_set(table->slots[i].address, 0);
    if (table)
        table->count = 0;
    weir__relaxed_set(trie.nodes, 0);
    weir__lock_drop(&trie.lock);
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
