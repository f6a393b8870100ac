/* A slow stand-in (mutex and list over malloc) so that the layers above can be
 * built and tested before the real core lands; removed then. */
#include "alloc/allocator.h"
#include "alloc/observe.h"
#include "base/error.h"
#include <weir/pool.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next, *prev;
    void *p;
    size_t size, align;
    weir_tag tag;
    bool fresh;
};
struct weir_allocator {
    char name[64];
    struct weir_allocator *parent;
    size_t total, peak, count, allocs, frees, failures, limit;
    struct block *buckets[4096];
    weir_allocator_functions fn;
    void *user;
    const char *backing;
    struct weir_allocator *children, *sibling;
    struct weir__peak_observer *observers;
};
struct weir_pool {
    weir_allocator *a;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct weir_allocator cpu = {.name = "cpu", .backing = "malloc"};
static _Thread_local weir_tag current_tag;
static char tags[16384][64];
static weir_allocator *traced;
static bool is_traced(weir_allocator *a)
{
    while (a->parent)
        a = a->parent;
    return a == traced;
}
static weir_tag ntags;

weir_allocator *weir_cpu_allocator(void) { return &cpu; }
static struct block **bucket(weir_allocator *a, const void *p) { return &a->buckets[((uintptr_t)p >> 4) * 0x9E3779B97F4A7C15u >> 52]; }
static struct block *find(weir_allocator *a, const void *p)
{
    struct block *b = *bucket(a, p);
    while (b && b->p != p)
        b = b->next;
    return b;
}
void *weir_allocate_aligned(weir_allocator *a, size_t size, size_t align)
{
    if (!align || (align & (align - 1)))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", align);
    pthread_mutex_lock(&lock);
    void *p = NULL;
    const struct weir__trace_hooks *hooks;
    uint64_t sequence;
    for (weir_allocator *x = a; x; x = x->parent)
        if (x->limit && (size > x->limit || x->total > x->limit - size))
            goto fail;
    if (size > PTRDIFF_MAX - align)
        goto fail;
    size_t al = align < 16 ? 16 : align, want = size ? size : 1;
    p = a->fn.allocate ? a->fn.allocate(a->user, want, al) : aligned_alloc(al, (want + al - 1) / al * al);
    if (!p)
        goto fail;
    struct block *b = calloc(1, sizeof *b), **h = bucket(a, p);
    *b = (struct block){*h, NULL, p, size, align, current_tag, true};
    if (*h)
        (*h)->prev = b;
    *h = b;
    for (weir_allocator *x = a; x; x = x->parent) {
        x->total += size;
        x->count++;
        x->allocs++;
        if (x->total > x->peak)
            x->peak = x->total;
        for (struct weir__peak_observer *o = x->observers; o; o = o->next)
            if ((int64_t)x->total > o->peak)
                o->peak = (int64_t)x->total;
    }
    hooks = is_traced(a) ? weir__trace_hooks() : NULL;
    sequence = hooks ? weir__trace_stamp((ptrdiff_t)size, 1) : 0;
    pthread_mutex_unlock(&lock);
    if (hooks)
        hooks->allocated(&(struct weir__trace_event){.allocator = a, .block = p, .requested = size, .usable = (want + al - 1) / al * al, .alignment = align, .tag = current_tag, .sequence = sequence});
    return p;
fail:
    a->failures++;
    hooks = is_traced(a) ? weir__trace_hooks() : NULL;
    sequence = hooks ? weir__trace_stamp_neutral() : 0;
    pthread_mutex_unlock(&lock);
    if (hooks)
        hooks->failed(&(struct weir__trace_event){.allocator = a, .requested = size, .alignment = align, .tag = current_tag, .error = ENOMEM, .sequence = sequence});
    return weir__fail_null(ENOMEM, "no memory for %zu bytes", size);
}
void *weir_allocate(weir_allocator *a, size_t size) { return weir_allocate_aligned(a, size, 64); }
void *weir_allocate_zeroed_aligned(weir_allocator *a, size_t n, size_t s, size_t al)
{
    size_t t;
    if (__builtin_mul_overflow(n, s, &t))
        return weir__fail_null(ENOMEM, "overflow");
    void *p = weir_allocate_aligned(a, t, al);
    if (p && a->fn.zero)
        a->fn.zero(a->user, p, t);
    else if (p)
        memset(p, 0, t);
    return p;
}
void *weir_allocate_zeroed(weir_allocator *a, size_t n, size_t s) { return weir_allocate_zeroed_aligned(a, n, s, 64); }
void weir_deallocate(weir_allocator *a, void *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&lock);
    struct block *b = find(a, p);
    if (!b) {
        pthread_mutex_unlock(&lock);
        weir__misuse(WEIR_MISUSE_FOREIGN_POINTER, p, a->name);
        return;
    }
    if (b->prev)
        b->prev->next = b->next;
    else
        *bucket(a, p) = b->next;
    if (b->next)
        b->next->prev = b->prev;
    for (weir_allocator *x = a; x; x = x->parent) {
        x->total -= b->size;
        x->count--;
        x->frees++;
    }
    const struct weir__trace_hooks *hooks = is_traced(a) ? weir__trace_hooks() : NULL;
    uint64_t sequence = hooks ? weir__trace_stamp(-(ptrdiff_t)b->size, -1) : 0;
    pthread_mutex_unlock(&lock);
    if (hooks)
        hooks->freed(&(struct weir__trace_event){.allocator = a, .block = p, .requested = b->size, .sequence = sequence});
    if (a->fn.deallocate)
        a->fn.deallocate(a->user, p, b->size ? b->size : 1, b->align < 16 ? 16 : b->align);
    else
        free(p);
    free(b);
}
void weir_deallocate_sized(weir_allocator *a, void *p, size_t size)
{
    (void)size;
    weir_deallocate(a, p);
}
size_t weir_requested_size(weir_allocator *a, const void *p)
{
    struct block *b = p ? find(a, p) : NULL;
    return b ? b->size : 0;
}
size_t weir_usable_size(weir_allocator *a, const void *p) { return weir_requested_size(a, p); }
bool weir_owns(weir_allocator *a, const void *p) { return find(a, p) != NULL; }
void *weir_reallocate(weir_allocator *a, void *p, size_t size)
{
    struct block *b = p ? find(a, p) : NULL;
    void *q = weir_allocate_aligned(a, size, b ? b->align : 64);
    if (q && b) {
        memcpy(q, p, size < b->size ? size : b->size);
        weir_deallocate(a, p);
    }
    return q;
}
size_t weir_total_allocated(const weir_allocator *a) { return a->total; }
size_t weir_peak_allocated(const weir_allocator *a) { return a->peak; }
size_t weir_allocation_count(const weir_allocator *a) { return a->count; }
void weir_reset_peak(weir_allocator *a) { a->peak = a->total; }
int weir_stats_get(const weir_allocator *a, weir_stats *s)
{
    if (!a || !s)
        return EINVAL;
    *s = (weir_stats){sizeof *s, a->total, a->peak, a->count, a->allocs, a->frees, a->failures, a->total, 0, a->total, a->limit, 0, 0, a->backing};
    if (a->fn.stats)
        a->fn.stats(a->user, s);
    return 0;
}
weir_allocator *weir_allocator_create(const weir_allocator_options *o)
{
    weir_allocator *a = calloc(1, sizeof *a);
    static int n;
    if (o && o->name)
        strncpy(a->name, o->name, 63);
    else
        sprintf(a->name, "context-%d", ++n);
    a->parent = !o || !o->parent ? &cpu : o->parent == WEIR_NO_PARENT ? NULL : o->parent;
    a->limit = o ? o->limit : 0;
    a->backing = "malloc";
    if (o && o->functions) {
        a->fn = *o->functions;
        a->user = o->user;
        a->backing = o->backing ? o->backing : "user";
    } else if (a->parent) {
        a->fn = a->parent->fn;
        a->fn.destroy = NULL;
        a->user = a->parent->user;
    }
    if (a->parent) {
        weir_allocator **link = &a->parent->children;
        while (*link)
            link = &(*link)->sibling;
        *link = a;
    }
    return a;
}
int weir_allocator_destroy(weir_allocator *a)
{
    if (!a || a == &cpu)
        return EINVAL;
    for (size_t i = 0; i < 4096; i++)
        while (a->buckets[i])
            weir_deallocate(a, a->buckets[i]->p);
    if (a->fn.destroy)
        a->fn.destroy(a->user);
    if (a->parent) {
        weir_allocator **link = &a->parent->children;
        while (*link != a)
            link = &(*link)->sibling;
        *link = a->sibling;
    }
    if (is_traced(a) && weir__trace_hooks())
        weir__trace_hooks()->context_destroyed(a, 0, 0, weir__trace_stamp(0, 0));
    free(a);
    return 0;
}
int weir_set_limit(weir_allocator *a, size_t n)
{
    if (n && n < a->total)
        return EBUSY;
    a->limit = n;
    return 0;
}
size_t weir_trim(weir_allocator *a) { return a->fn.trim ? a->fn.trim(a->user) : 0; }
const char *weir_allocator_name(const weir_allocator *a) { return a->name; }
weir_allocator *weir_allocator_parent(const weir_allocator *a) { return a->parent; }
weir_tag weir_tag_intern(const char *name)
{
    for (weir_tag i = 1; i <= ntags; i++)
        if (!strcmp(tags[i], name))
            return i;
    strncpy(tags[++ntags], name, 63);
    return ntags;
}
const char *weir_tag_name(weir_tag t) { return t < 16384 ? tags[t] : ""; }
weir_tag weir_tag_set(weir_tag t)
{
    weir_tag old = current_tag;
    current_tag = t;
    return old;
}
weir_tag weir_block_tag(weir_allocator *a, const void *p)
{
    struct block *b = find(a, p);
    return b ? b->tag : 0;
}
static int walk(weir_allocator *a, weir_block_visitor *visit, void *user, bool mark)
{
    int rc = 0;
    for (size_t i = 0; i < 4096 && !rc; i++)
        for (struct block *b = a->buckets[i]; b && !rc; b = b->next) {
            if (visit && (!mark || b->fresh))
                rc = visit(&(weir_block){b->p, b->size, b->size, b->tag, b->fresh}, user);
            if (mark)
                b->fresh = false;
        }
    return rc;
}
int weir_allocator_walk(weir_allocator *a, weir_block_visitor *visit, void *user) { return walk(a, visit, user, false); }
int weir__allocator_mark_old(weir_allocator *a, weir_block_visitor *visit, void *user) { return walk(a, visit, user, true); }
int weir_allocator_children(weir_allocator *a, weir_allocator_visitor *visit, void *user)
{
    int rc = 0;
    for (weir_allocator *c = a->children; c && !rc; c = c->sibling)
        rc = visit(c, user);
    return rc;
}
static int tree(weir_allocator *a, unsigned depth, weir__allocator_tree_visitor *visit, void *user)
{
    int rc = visit(a, depth, user);
    for (weir_allocator *c = a->children; c && !rc; c = c->sibling)
        rc = tree(c, depth + 1, visit, user);
    return rc;
}
int weir__allocator_tree(weir_allocator *a, weir__allocator_tree_visitor *visit, void *user) { return tree(a, 0, visit, user); }
int weir__peak_observer_add(weir_allocator *a, struct weir__peak_observer *o)
{
    pthread_mutex_lock(&lock);
    o->peak = (int64_t)a->total;
    o->next = a->observers;
    a->observers = o;
    pthread_mutex_unlock(&lock);
    return 0;
}
size_t weir__peak_observer_read(weir_allocator *a, struct weir__peak_observer *o)
{
    (void)a;
    return (size_t)o->peak;
}
void weir__peak_observer_remove(weir_allocator *a, struct weir__peak_observer *o)
{
    pthread_mutex_lock(&lock);
    struct weir__peak_observer **link = &a->observers;
    while (*link && *link != o)
        link = &(*link)->next;
    if (*link)
        *link = o->next;
    pthread_mutex_unlock(&lock);
}
int weir__allocator_trace_begin(weir_allocator *root, const struct weir__trace_hooks *hooks, weir_stats *at)
{
    if (root->parent)
        return EINVAL;
    if (traced)
        return EBUSY;
    pthread_mutex_lock(&lock);
    traced = root;
    at->size = sizeof *at;
    weir_stats_get(root, at);
    weir__trace_account_start(at->total_allocated, at->allocation_count);
    weir__trace_install(hooks);
    pthread_mutex_unlock(&lock);
    return 0;
}
void weir__allocator_trace_end(weir_allocator *root, weir_stats *at)
{
    pthread_mutex_lock(&lock);
    at->size = sizeof *at;
    weir_stats_get(root, at);
    weir__trace_install(NULL);
    traced = NULL;
    pthread_mutex_unlock(&lock);
}
void *weir__allocator_user(const weir_allocator *a, void *(*allocate)(void *, size_t, size_t)) { return a->fn.allocate == allocate ? a->user : NULL; }
bool weir__allocator_host_accessible(const weir_allocator *a) { return !a->fn.zero; }
void *weir__meta_allocate(size_t n) { return calloc(1, n); }
void weir__meta_free(void *p, size_t n)
{
    (void)n;
    free(p);
}
weir_pool *weir_pool_create(const weir_pool_options *o)
{
    weir_pool *p = calloc(1, sizeof *p);
    p->a = weir_allocator_create(&(weir_allocator_options){.name = o ? o->name : NULL, .parent = o ? o->parent : NULL, .limit = o ? o->limit : 0});
    return p;
}
int weir_pool_destroy(weir_pool *p)
{
    weir_allocator_destroy(p->a);
    free(p);
    return 0;
}
weir_allocator *weir_pool_allocator(weir_pool *p) { return p->a; }
int weir_pool_stats(const weir_pool *p, weir_stats *s) { return weir_stats_get(p->a, s); }
size_t weir_pool_trim(weir_pool *p) { return weir_trim(p->a); }
