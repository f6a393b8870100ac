/* observe/trace_names.c - see trace_names.h. */
#include "observe/trace_names.h"

#include "alloc/allocator.h"
#include "backing/meta.h"
#include "observe/bytes.h"
#include "observe/format.h"
#include "observe/snapshot.h"
#include "observe/trace_sink.h"
#include "os/locks.h"

#define TAGS      8192
#define NAME_MOST 1000
#define BUCKETS   1024

struct context {
    const weir_allocator *a; /* NULL: gone */
    uint32_t id;
};

struct name {
    struct name *next;
    uint32_t id;
    size_t length;
    char text[];
};

static weir__lock names_lock = WEIR__LOCK(NAMES);
WEIR__LOCKS_KNOW(NAMES, &names_lock);

static struct {
    struct context *contexts; /* those that live, in no order */
    size_t ncontexts, capacity;
    uint32_t context_id, name_id; /* last ones given out */
    struct name *names[BUCKETS];
    uint8_t tags[TAGS / 8]; /* bits of those defined; atomic */
} known;
static bool known_used WEIR__AT_START; /* anything of it is set; atomic */

uint32_t weir__trace_gone WEIR__AT_START;

static void names_free(void)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct name *name = known.names[i], *next; name; name = next) {
            next = name->next;
            weir__meta_free(name, sizeof *name + name->length);
        }
}

void weir__trace_names_reset(void)
{
    if (weir__relaxed_get(known_used)) { /* else the table's pages are not even read */
        names_free();
        weir__meta_free(known.contexts, known.capacity * sizeof *known.contexts);
        memset(&known, 0, sizeof known);
    }
    weir__relaxed_set(weir__trace_gone, weir__trace_gone + 1);
}

void weir__trace_names_forget(void)
{
    if (weir__relaxed_get(known_used))
        memset(&known, 0, sizeof known);
    weir__relaxed_set(weir__trace_gone, weir__trace_gone + 1);
}

/* -- contexts ----------------------------------------------------------------------------- */

static struct context *context_find_locked(const weir_allocator *a)
{
    for (size_t i = known.ncontexts; i-- > 0;)
        if (known.contexts[i].a == a)
            return &known.contexts[i];
    return NULL;
}

static void context_define(weir_allocator *a, uint32_t id, uint32_t parent)
{
    unsigned char record[2 * NAME_MOST + 64], *at = record;
    const char *name = weir_allocator_name(a), *backing = weir__allocator_backing(a);
    at = weir__put_varint(at, id);
    at = weir__put_varint(at, parent);
    at = weir__put_varint(at, weir__allocator_host_accessible(a));
    at = weir__put_string(at, name, strlen(name), NAME_MOST);
    at = weir__put_string(at, backing, strlen(backing), NAME_MOST);
    weir__trace_write(WEIR__TRACE_CTXN, record, (size_t)(at - record), NULL, 0);
}

static uint32_t context_add_locked(weir_allocator *a)
{
    weir_allocator *above = weir_allocator_parent(a);
    const struct context *found = above ? context_find_locked(above) : NULL;
    uint32_t parent = found ? found->id : above ? context_add_locked(above) : 0;
    struct context *contexts =
        weir__snapshot_grow(known.contexts, known.ncontexts, &known.capacity, sizeof *contexts);
    if (!contexts)
        return 0;
    known.contexts = contexts;
    weir__relaxed_set(known_used, true);
    uint32_t id = ++known.context_id;
    contexts[known.ncontexts++] = (struct context){a, id};
    context_define(a, id, parent);
    return id;
}

uint32_t weir__trace_context(weir_allocator *a)
{
    weir__lock_take(&names_lock);
    const struct context *found = context_find_locked(a);
    uint32_t id = found ? found->id : context_add_locked(a);
    weir__lock_drop(&names_lock);
    return id;
}

uint32_t weir__trace_context_known(const weir_allocator *a)
{
    weir__lock_take(&names_lock);
    const struct context *found = context_find_locked(a);
    uint32_t id = found ? found->id : 0;
    weir__lock_drop(&names_lock);
    return id;
}

void weir__trace_context_gone(const weir_allocator *a)
{
    weir__lock_take(&names_lock);
    struct context *found = context_find_locked(a);
    if (found)
        *found = known.contexts[--known.ncontexts];
    weir__relaxed_set(weir__trace_gone, weir__trace_gone + 1);
    weir__lock_drop(&names_lock);
}

/* -- tags and names ------------------------------------------------------------------------- */

static unsigned char *text_put(unsigned char *at, uint32_t id, const char *text)
{
    at = weir__put_varint(at, id);
    return weir__put_string(at, text, strlen(text), NAME_MOST);
}

static void name_define(uint32_t id, const char *text)
{
    unsigned char record[NAME_MOST + 32], *at = text_put(record, id, text);
    weir__trace_write(WEIR__TRACE_NAME, record, (size_t)(at - record), NULL, 0);
}

/* Again where the class changed meanwhile: the latest record has the latest class. */
static void tag_define(weir_tag tag)
{
    unsigned char record[NAME_MOST + 32], *name_end = text_put(record, tag, weir_tag_name(tag));
    weir_class use;
    do {
        use = weir_class_of_tag(tag);
        unsigned char *at = weir__put_varint(name_end, use);
        weir__trace_write(WEIR__TRACE_TAGN, record, (size_t)(at - record), NULL, 0);
    } while (use != weir_class_of_tag(tag));
}

weir_tag weir__trace_tag(weir_tag tag)
{
    uint8_t *byte = &known.tags[tag / 8 % (TAGS / 8)], bit = (uint8_t)(1u << tag % 8);
    if (tag && !(__atomic_fetch_or(byte, bit, __ATOMIC_RELAXED) & bit)) {
        weir__relaxed_set(known_used, true);
        tag_define(tag);
    }
    return tag;
}

void weir__trace_tag_classed(weir_tag tag)
{
    const uint8_t *byte = &known.tags[tag / 8 % (TAGS / 8)], bit = (uint8_t)(1u << tag % 8);
    if (__atomic_load_n(byte, __ATOMIC_RELAXED) & bit)
        tag_define(tag);
}

/* FNV-1a (Fowler, Noll, Vo). */
static unsigned name_bucket(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash % BUCKETS;
}

static struct name *name_add_locked(const char *text, size_t length, struct name **bucket)
{
    struct name *name = weir__meta_allocate(sizeof *name + length);
    if (!name)
        return NULL;
    memcpy(name->text, text, length);
    name->length = length;
    weir__relaxed_set(known_used, true);
    name->id = ++known.name_id;
    name->next = *bucket;
    name_define(name->id, text);
    return *bucket = name;
}

uint32_t weir__trace_name(const char *text)
{
    size_t length = strlen(text);
    struct name **bucket = &known.names[name_bucket(text)];
    weir__lock_take(&names_lock);
    struct name *name = *bucket;
    while (name && (name->length != length || memcmp(name->text, text, length) != 0))
        name = name->next;
    if (!name)
        name = name_add_locked(text, length, bucket);
    uint32_t id = name ? name->id : 0;
    weir__lock_drop(&names_lock);
    return id;
}
