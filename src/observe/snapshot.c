/* observe/snapshot.c - see snapshot.h. */
#include "observe/snapshot.h"

#include "alloc/inspect.h"
#include "backing/meta.h"
#include "base/error.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void *weir__snapshot_grow(void *array, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return array;
    size_t more = *capacity ? 2 * *capacity : 32;
    void *grown = weir__meta_allocate(more * size);
    if (!grown)
        return NULL;
    if (n)
        memcpy(grown, array, n * size);
    weir__meta_free(array, *capacity * size);
    *capacity = more;
    return grown;
}

static int snapshot_add(weir_allocator *a, unsigned depth, void *user)
{
    struct weir__snapshot *s = user;
    struct weir__snapshot_entry *entries =
        weir__snapshot_grow(s->entries, s->n, &s->capacity, sizeof *entries);
    if (!entries)
        return ENOMEM;
    s->entries = entries;
    struct weir__snapshot_entry *entry = &entries[s->n];
    *entry = (struct weir__snapshot_entry){.stats.size = sizeof entry->stats, .depth = depth};
    snprintf(entry->name, sizeof entry->name, "%s", weir_allocator_name(a));
    weir_stats_get(a, &entry->stats);
    s->n++;
    return 0;
}

/* The latest entry of each parent and name that was met so far, as index + 1; 0: none. Open
 * addressing, at least twice as many places as entries. */
struct latest {
    uint32_t *places;
    size_t mask;
};

static uint64_t name_hash(const struct weir__snapshot_entry *entry)
{
    uint64_t hash = entry->depth ? entry->parent + 1 : 0;
    for (const char *c = entry->name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return (hash * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
}

static bool are_namesakes(const struct weir__snapshot_entry *a,
                          const struct weir__snapshot_entry *b)
{
    return a->depth == b->depth && (!a->depth || a->parent == b->parent) &&
           strcmp(a->name, b->name) == 0;
}

static void namesake_count(struct latest *latest, struct weir__snapshot *s, size_t i)
{
    struct weir__snapshot_entry *entry = &s->entries[i];
    size_t at = name_hash(entry) & latest->mask;
    for (; latest->places[at]; at = (at + 1) & latest->mask) {
        const struct weir__snapshot_entry *older = &s->entries[latest->places[at] - 1];
        if (are_namesakes(older, entry)) {
            entry->namesake = older->namesake + 1;
            break;
        }
    }
    latest->places[at] = (uint32_t)i + 1;
}

/* Preorder: the parent is the latest entry of one depth less; a root's is itself. */
static void parent_find(struct weir__snapshot *s, size_t i)
{
    struct weir__snapshot_entry *entry = &s->entries[i];
    size_t parent = entry->depth ? i - 1 : i;
    while (entry->depth && s->entries[parent].depth >= entry->depth)
        parent = s->entries[parent].parent;
    entry->parent = parent;
}

static int snapshot_relate(struct weir__snapshot *s)
{
    size_t places = 64;
    while (places < 2 * s->n)
        places *= 2;
    struct latest latest = {weir__meta_allocate(places * sizeof *latest.places), places - 1};
    if (!latest.places)
        return ENOMEM;
    for (size_t i = 0; i < s->n; i++) {
        parent_find(s, i);
        namesake_count(&latest, s, i);
    }
    weir__meta_free(latest.places, places * sizeof *latest.places);
    return 0;
}

/* Every root: the CPU allocator comes first, whichever root was used first. */
static int roots_add(weir_allocator *a, unsigned depth, void *user)
{
    const weir_allocator *root = a;
    for (const weir_allocator *up = a; up; up = weir_allocator_parent(up))
        root = up;
    return root == weir_cpu_allocator() ? 0 : snapshot_add(a, depth, user);
}

int weir__snapshot_take(struct weir__snapshot *snapshot, weir_allocator *a)
{
    *snapshot = (struct weir__snapshot){0};
    int error = weir__allocator_tree(a ? a : weir_cpu_allocator(), snapshot_add, snapshot);
    if (!error && !a)
        error = weir__allocator_tree(NULL, roots_add, snapshot);
    if (!error)
        error = snapshot_relate(snapshot);
    if (error) {
        weir__snapshot_release(snapshot);
        return error == ENOMEM ? weir__fail(ENOMEM, "no memory for a snapshot") : error;
    }
    snapshot->whole = !a;
    return 0;
}

void weir__snapshot_release(struct weir__snapshot *snapshot)
{
    weir__meta_free(snapshot->entries, snapshot->capacity * sizeof *snapshot->entries);
    *snapshot = (struct weir__snapshot){0};
}

static void bytes_swap(char *a, char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* [root, n) is a heap but for its root, which sinks; the least is on top. */
static void heap_sink(char *array, size_t root, size_t n, size_t size,
                      int (*compare)(const void *, const void *))
{
    size_t child;
    while ((child = 2 * root + 1) < n) {
        if (child + 1 < n && compare(array + (child + 1) * size, array + child * size) < 0)
            child++;
        if (compare(array + root * size, array + child * size) <= 0)
            return;
        bytes_swap(array + root * size, array + child * size, size);
        root = child;
    }
}

void weir__snapshot_sort(void *array, size_t n, size_t size,
                         int (*compare)(const void *, const void *))
{
    for (size_t root = n / 2; root-- > 0;)
        heap_sink(array, root, n, size, compare);
    for (size_t left = n; left > 1; left--) {
        bytes_swap(array, (char *)array + (left - 1) * size, size);
        heap_sink(array, 0, left - 1, size, compare);
    }
}
