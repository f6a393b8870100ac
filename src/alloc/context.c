/*
 * alloc/context.c - the tree of allocators: making, destroying, naming and limiting
 * them. Owns the context lock and the handles; knows blocks only by handing them back
 * when their allocator goes.
 */
#include "alloc/block.h"
#include "alloc/fork.h"
#include "alloc/trace.h"
#include "backing/meta.h"
#include "os/locks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Handles of destroyed allocators wait this long (in destructions) for re-use, so
 * that a stale handle is told from a new one. */
#define QUARANTINE 4096

static struct {
    struct weir__guard guard;
    unsigned depth; /* of the holder's takings */
    weir_allocator *roots, *youngest_root;
    weir_allocator *gone, *gone_latest; /* FIFO by `next` */
    unsigned ngone;
    unsigned serial; /* for names */
} contexts = {.guard = WEIR__GUARD(CONTEXTS)};

static struct weir__shard cpu_shard;
static struct weir__store cpu_store;
static struct weir__body cpu_body;
static weir_allocator cpu;
extern weir_allocator weir__cpu __attribute__((alias("cpu")));

/* Nobody uses the handle before it was asked for here, so its first use finds it ready. */
weir_allocator *weir_cpu_allocator(void)
{
    weir__allocator_check(&cpu, NULL);
    return &cpu;
}

struct weir__store *weir__cpu_store(void)
{
    return &cpu_store;
}

void weir__context_lock(void)
{
    if (!weir__guard_is_mine(&contexts.guard))
        weir__guard_take(&contexts.guard);
    contexts.depth++;
}

void weir__context_unlock(void)
{
    if (--contexts.depth == 0)
        weir__guard_drop(&contexts.guard);
}

/* A visitor, under the lock, may fork. */
static void guard_each(weir__lock_visitor *visit)
{
    visit(&contexts.guard.lock, weir__guard_holder(&contexts.guard));
}
WEIR__LOCKS_EACH(CONTEXTS, guard_each);

/* -- the tree ------------------------------------------------------------------------- */

static void context_link(weir_allocator *a)
{
    weir_allocator **oldest = a->parent ? &a->parent->children : &contexts.roots;
    weir_allocator **youngest = a->parent ? &a->parent->youngest : &contexts.youngest_root;
    a->next = NULL;
    a->prev = *youngest;
    if (a->prev)
        a->prev->next = a;
    else
        *oldest = a;
    *youngest = a;
}

static void context_unlink(weir_allocator *a)
{
    weir_allocator **oldest = a->parent ? &a->parent->children : &contexts.roots;
    weir_allocator **youngest = a->parent ? &a->parent->youngest : &contexts.youngest_root;
    if (a->prev)
        a->prev->next = a->next;
    else
        *oldest = a->next;
    if (a->next)
        a->next->prev = a->prev;
    else
        *youngest = a->prev;
}

weir_allocator *weir__context_after(weir_allocator *a, weir_allocator *top)
{
    if (!a)
        return top ? top : contexts.roots;
    if (a->children)
        return a->children;
    while (a && a != top && !a->next)
        a = a->parent;
    return !a || a == top ? NULL : a->next;
}

bool weir__context_is_within(const weir_allocator *a, const weir_allocator *top)
{
    while (a && a != top)
        a = a->parent;
    return a != NULL;
}

/* -- making --------------------------------------------------------------------------- */

static void body_init(weir_allocator *a, struct weir__body *body, struct weir__shard *shard,
                      size_t limit)
{
    a->body = body;
    weir__meter_init(&body->meter, a->parent ? &a->parent->body->meter : NULL, limit);
    if (shard)
        weir__shard_add(a, shard);
    weir__heap_common_init(a);
    context_link(a);
    __atomic_store_n(&a->heap_at, weir__heap_slot_take(), __ATOMIC_RELAXED);
    __atomic_store_n(&a->state, WEIR__READY, __ATOMIC_RELEASE);
}

/* The first use of weir in the process. Whoever comes second waits for the lock. */
static void cpu_start(void)
{
    const struct weir__backing *backing = weir__backing_get();
    weir__context_lock();
    bool first = cpu.state == WEIR__NEW;
    if (first) {
        weir__store_init(&cpu_store, backing);
        memcpy(cpu.name, "cpu", sizeof "cpu");
        cpu_body.store = &cpu_store;
        cpu_body.owns_store = true;
        cpu_body.backing = backing->name;
        body_init(&cpu, &cpu_body, &cpu_shard, 0);
    }
    weir__context_unlock();
    if (first)
        weir__fork_watch();
}

__attribute__((constructor)) static void cpu_start_early(void)
{
    weir__allocator_check(&cpu, NULL);
}

bool weir__allocator_check_slow(const weir_allocator *a, const void *pointer)
{
    if (!a) {
        weir__fail_null(EINVAL, "no allocator: NULL was given");
        return false;
    }
    if (a == &cpu) {
        cpu_start();
        return true;
    }
    weir__misuse(WEIR_MISUSE_DESTROYED_ALLOCATOR, pointer ? pointer : a, a->name);
    errno = EINVAL;
    return false;
}

struct weir__body *weir__body_of(const weir_allocator *a)
{
    return weir__allocator_check(a, NULL) ? a->body : NULL;
}

/* A handle out of quarantine, or a new one. */
static weir_allocator *handle_take(void)
{
    weir_allocator *handle = contexts.gone;
    if (contexts.ngone < QUARANTINE)
        return weir__meta_allocate(sizeof *handle);
    contexts.gone = handle->next;
    contexts.ngone--;
    memset(handle, 0, sizeof *handle);
    return handle;
}

static void handle_retire(weir_allocator *a)
{
    a->next = NULL;
    if (contexts.gone)
        contexts.gone_latest->next = a;
    else
        contexts.gone = a;
    contexts.gone_latest = a;
    contexts.ngone++;
}

static void body_free(struct weir__body *body)
{
    for (unsigned i = 0; i < body->nshards; i++)
        weir__meta_free(body->shards[i], sizeof *body->shards[i]);
    weir__meta_free(body, sizeof *body);
}

/* Where the blocks of a new allocator come from; 0 or an errno value. */
static int body_source(struct weir__body *body, const weir_allocator_options *options,
                       const weir_allocator *parent)
{
    const weir_allocator_functions *functions = options->functions;
    body->user = options->user;
    body->backing = options->backing ? options->backing : "user";
    if (options->source == WEIR_SOURCE_POOL) {
        const struct weir__body *from = parent ? parent->body : NULL;
        body->store = options->pool ? weir__pool_store(options->pool)
                      : from        ? from->store
                                    : &cpu_store;
        if (body->store) {
            body->backing = body->store->backing->name;
            return 0;
        }
        body->functions = from->functions;
        body->functions.destroy = NULL; /* the parent's to call, */
        body->functions.stats = NULL;   /* and to be asked */
        body->user = from->user;
        body->backing = from->backing;
        return 0;
    }
    if (options->source == WEIR_SOURCE_BACKING || options->source == WEIR_SOURCE_MALLOC) {
        functions = weir__source_functions(options->source, &body->backing);
        if (!functions)
            return ENOTSUP;
    }
    body->functions = *functions;
    return 0;
}

static int options_check(const weir_allocator_options *o)
{
    bool functions = o->source == WEIR_SOURCE_FUNCTIONS;
    if (o->source < WEIR_SOURCE_POOL || o->source > WEIR_SOURCE_FUNCTIONS)
        return weir__fail(EINVAL, "allocator options: no source %d", (int)o->source);
    if (functions && (!o->functions || !o->functions->allocate || !o->functions->deallocate))
        return weir__fail(EINVAL, "allocator options: functions need allocate and deallocate");
    if (functions && !o->functions->zero != !o->functions->copy)
        return weir__fail(EINVAL, "allocator options: zero and copy come together");
    if (!functions && o->functions)
        return weir__fail(EINVAL, "allocator options: functions without WEIR_SOURCE_FUNCTIONS");
    if (o->pool && o->source != WEIR_SOURCE_POOL)
        return weir__fail(EINVAL, "allocator options: a pool without WEIR_SOURCE_POOL");
    return 0;
}

static weir_allocator *context_make_locked(const weir_allocator_options *options,
                                           weir_allocator *parent, struct weir__store *store,
                                           const char *kind)
{
    struct weir__body *body = weir__meta_allocate(sizeof *body);
    weir_allocator *a = body ? handle_take() : NULL;
    if (!a) {
        weir__meta_free(body, sizeof *body);
        return weir__fail_null(ENOMEM, "no memory for an allocator");
    }
    int error = 0;
    if (store) {
        body->store = store;
        body->owns_store = true;
        body->backing = store->backing->name;
    } else {
        weir__registry_init(&body->registry);
        error = body_source(body, options, parent);
    }
    struct weir__shard *shard = NULL;
    if (!error && body->store && !(shard = weir__meta_allocate(sizeof *shard)))
        error = ENOMEM;
    if (error) {
        body_free(body);
        a->state = WEIR__DESTROYED;
        handle_retire(a);
        return weir__fail_null(error, "allocator: %s",
                               error == ENOMEM ? "no memory" : "this provider has no such source");
    }
    unsigned serial = ++contexts.serial;
    if (options->name)
        snprintf(a->name, sizeof a->name, "%s", options->name);
    else
        snprintf(a->name, sizeof a->name, "%s-%u", kind, serial);
    a->parent = parent;
    body_init(a, body, shard, options->limit);
    return a;
}

weir_allocator *weir__context_make(const weir_allocator_options *options, struct weir__store *store,
                                   const char *kind)
{
    weir_allocator *parent = options->parent == WEIR_NO_PARENT ? NULL
                             : options->parent                 ? options->parent
                                                               : &cpu;
    int error = options_check(options);
    if (error) {
        errno = error;
        return NULL;
    }
    if (!weir__allocator_check(&cpu, NULL) || (parent && !weir__allocator_check(parent, NULL)))
        return NULL;
    weir__context_lock();
    weir_allocator *a = context_make_locked(options, parent, store, kind);
    weir__context_unlock();
    return a;
}

weir_allocator *weir_allocator_create(const weir_allocator_options *options)
{
    static const weir_allocator_options defaults;
    return weir__context_make(options ? options : &defaults, NULL, "context");
}

/* -- unmaking ------------------------------------------------------------------------- */

static int span_free_owned(struct weir__span *span, void *a)
{
    if (span->u.live.owner == a)
        weir__store_give_span_locked(((weir_allocator *)a)->body->store, span);
    return 0;
}

/* Every block of `a` goes back to where it came from, live or free. */
static void blocks_release(weir_allocator *a)
{
    struct weir__body *body = a->body;
    if (!body->store) {
        weir__foreign_release_all(a);
        return;
    }
    struct weir__center *center;
    for (unsigned i = 0; (center = weir__body_center(body, i)); i++)
        weir__center_destroy(center);
    weir__lock_take(&body->store->lock);
    weir__store_each_span_locked(body->store, span_free_owned, a);
    weir__lock_drop(&body->store->lock);
}

void weir__context_unmake(weir_allocator *a)
{
    struct weir__body *body = a->body;
    struct weir__meter_reading left;
    __atomic_store_n(&a->state, WEIR__DESTROYED, __ATOMIC_RELEASE);
    weir__heap_slot_give(a->heap_at);
    __atomic_store_n(&a->heap_at, weir__heap_slot_none(), __ATOMIC_RELAXED);
    weir__heaps_release(a, false);
    weir__meter_read(&body->meter, &left);
    blocks_release(a);
    uint64_t sequence = weir__meter_destroy(&body->meter, left.total, left.count);
    if (sequence)
        weir__trace_destroyed(a, left.total, left.count, sequence);
    if (body->functions.destroy)
        body->functions.destroy(body->user);
    context_unlink(a);
    a->body = NULL;
    body_free(body);
    handle_retire(a);
}

int weir_allocator_destroy(weir_allocator *a)
{
    if (!a || a == &cpu)
        return weir__fail(EINVAL, "the %s cannot be destroyed",
                          a ? "CPU allocator" : "NULL allocator");
    if (!weir__allocator_check(a, NULL))
        return EINVAL;
    weir__context_lock();
    int error = a->children ? weir__fail(EBUSY, "allocator \"%s\" has child contexts", a->name) : 0;
    if (!error)
        weir__context_unmake(a);
    weir__context_unlock();
    return error;
}

/* -- questions ------------------------------------------------------------------------ */

int weir_set_limit(weir_allocator *a, size_t bytes)
{
    struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    if (weir__meter_set_limit(&body->meter, bytes))
        return 0;
    return weir__fail(EBUSY, "allocator \"%s\": more than %zu bytes are live", a->name, bytes);
}

const char *weir_allocator_name(const weir_allocator *a)
{
    return weir__allocator_check(a, NULL) ? a->name : "";
}

weir_allocator *weir_allocator_parent(const weir_allocator *a)
{
    return weir__allocator_check(a, NULL) ? a->parent : NULL;
}

int weir_allocator_children(weir_allocator *a, weir_allocator_visitor *visit, void *user)
{
    if (!weir__allocator_check(a, NULL))
        return EINVAL;
    int stop = 0;
    weir__context_lock();
    for (weir_allocator *child = a->children, *next; child && !stop; child = next) {
        next = child->next;
        stop = visit(child, user);
    }
    weir__context_unlock();
    return stop;
}

void *weir__allocator_user(const weir_allocator *a, void *(*allocate)(void *, size_t, size_t))
{
    const struct weir__body *body = weir__body_of(a);
    return body && !body->store && body->functions.allocate == allocate ? body->user : NULL;
}

const char *weir__allocator_backing(const weir_allocator *a)
{
    const struct weir__body *body = weir__body_of(a);
    return body ? body->backing : "";
}

bool weir__allocator_host_accessible(const weir_allocator *a)
{
    const struct weir__body *body = weir__body_of(a);
    return body && !body->functions.zero;
}

int weir__allocator_zero(const weir_allocator *a, void *block, size_t size)
{
    const struct weir__body *body = weir__body_of(a);
    int error = 0;
    if (!body)
        return EINVAL;
    if (body->functions.zero)
        error = body->functions.zero(body->user, block, size);
    else if (size)
        memset(block, 0, size);
    return error ? weir__fail(error, "allocator \"%s\": memory cannot be cleared", a->name) : 0;
}

int weir__allocator_copy(const weir_allocator *a, void *to, const void *from, size_t size)
{
    const struct weir__body *body = weir__body_of(a);
    int error = 0;
    if (!body)
        return EINVAL;
    if (body->functions.copy)
        error = body->functions.copy(body->user, to, from, size);
    else if (size)
        memcpy(to, from, size);
    return error ? weir__fail(error, "allocator \"%s\": memory cannot be copied", a->name) : 0;
}
