/*
 * alloc/tag.c - names for tags: interned once, never removed, and their classes. An open hash of
 * chains under its own lock; names are read without it.
 */
#include "alloc/tag.h"

#include "alloc/heap.h"
#include "backing/meta.h"
#include "base/error.h"
#include "os/locks.h"
#include "track/trace_hook.h"

#include <errno.h>
#include <string.h>

#define TAG_BUCKETS 1024

struct tag {
    weir_tag next; /* in its bucket; 0: last */
    uint8_t use;   /* weir_class; atomic, any thread */
    char name[];
};

static weir__lock tags_lock WEIR__AT_START = WEIR__LOCK(TAGS);
WEIR__LOCKS_KNOW(TAGS, &tags_lock);
static struct tag *tags[WEIR__ENTRY_TAG_MAX + 1]; /* written once each */
static weir_tag tag_buckets[TAG_BUCKETS];
static weir_tag tags_used;
static weir_tag tags_most; /* that any thread ever set; atomic */

/* FNV-1a (Fowler, Noll, Vo). */
static unsigned tag_hash(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash % TAG_BUCKETS;
}

static weir_tag tag_find(const char *name, unsigned bucket)
{
    weir__assert(bucket < sizeof tag_buckets / sizeof *tag_buckets);
    weir_tag tag = tag_buckets[bucket];
    while (tag && strcmp(tags[tag]->name, name) != 0)
        tag = tags[tag]->next;
    return tag;
}

static weir_tag tag_add(const char *name, unsigned bucket, int *error)
{
    size_t length = strlen(name) + 1;
    if (tags_used == WEIR__ENTRY_TAG_MAX) {
        *error = ENOSPC;
        return 0;
    }
    struct tag *made = weir__meta_allocate(sizeof *made + length);
    if (!made) {
        *error = ENOMEM;
        return 0;
    }
    memcpy(made->name, name, length);
    made->next = tag_buckets[bucket];
    __atomic_store_n(&tags[++tags_used], made, __ATOMIC_RELEASE);
    return tag_buckets[bucket] = tags_used;
}

weir_tag weir_tag_intern(const char *name)
{
    if (!name || !*name)
        return 0;
    int error = 0;
    unsigned bucket = tag_hash(name);
    weir__lock_take(&tags_lock);
    weir_tag tag = tag_find(name, bucket);
    if (!tag)
        tag = tag_add(name, bucket, &error);
    weir__lock_drop(&tags_lock);
    if (error)
        errno = weir__fail(error, error == ENOSPC ? "all tags are in use" : "no memory for a tag");
    return tag;
}

/* NULL: there is none. */
static struct tag *tag_at(weir_tag tag)
{
    return tag > WEIR__ENTRY_TAG_MAX ? NULL : __atomic_load_n(&tags[tag], __ATOMIC_ACQUIRE);
}

const char *weir_tag_name(weir_tag tag)
{
    const struct tag *known = tag_at(tag);
    return known ? known->name : "";
}

/* Before an entry has it. */
static void tag_note(weir_tag tag)
{
    weir__assert(tag <= WEIR__ENTRY_TAG_MAX);
    weir_tag most = weir__relaxed_get(tags_most);
    while (weir__unlikely(tag > most) &&
           !__atomic_compare_exchange_n(&tags_most, &most, tag, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        continue;
}

bool weir__tag_is_known(uint32_t tag)
{
    return tag <= weir__relaxed_get(tags_most);
}

int weir_tag_class(weir_tag tag, weir_class use)
{
    struct tag *known = tag_at(tag);
    if (!known || (unsigned)use > WEIR_CLASS_OTHER)
        return weir__fail(EINVAL, known ? "no such class of tags" : "no such tag");
    uint8_t before = __atomic_exchange_n(&known->use, (uint8_t)use, __ATOMIC_RELAXED);
    const struct weir__trace_hooks *hooks = weir__trace_hooks();
    if (before != use && hooks && hooks->tag_classed)
        hooks->tag_classed(tag);
    return 0;
}

weir_class weir_class_of_tag(weir_tag tag)
{
    const struct tag *known = tag_at(tag);
    return known ? (weir_class)weir__relaxed_get(known->use) : WEIR_CLASS_NONE;
}

weir_tag weir_tag_set(weir_tag tag)
{
    weir_tag former = weir__entry_tag(weir__here.live);
    if (tag > WEIR__ENTRY_TAG_MAX || tag == former)
        return former;
    tag_note(tag);
    weir__here.live = WEIR__ENTRY_LIVE | tag << WEIR__ENTRY_TAG_SHIFT;
    weir__lock_take(&weir__here.lock);
    for (unsigned i = 0; i < WEIR__HEAP_SLOTS; i++)
        if (weir__here.heaps[i] != &weir__no_heap)
            weir__here.heaps[i]->live = weir__here.live;
    weir__lock_drop(&weir__here.lock);
    return former;
}
