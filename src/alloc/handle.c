/* alloc/handle.c - see handle.h. */
#include "alloc/handle.h"

#include "alloc/context.h"
#include "alloc/cpu.h"
#include "alloc/local.h"
#include "backing/meta.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

/* Handles of destroyed allocators wait this long (in destructions) for re-use, so that a stale
 * handle is told from a new one. */
#define QUARANTINE 4096

/* Handles are cut from chunks of this size, each at the place that its kind wants. */
#define CHUNK ((size_t)1024)

_Static_assert(sizeof(weir_allocator) <= 2 * WEIR__HANDLE_NEAR, "both kinds have room");

/* Of each kind: near, or far. Context lock. */
static struct handles {
    struct weir__list quarantine; /* oldest first */
    unsigned nquarantined;
    char *bump, *end; /* never handed out */
    void *chunks;     /* each begins with a pointer to the next, for tools that look for leaks */
} handles_of[2];

bool weir__allocator_check_slow(const weir_allocator *a, const void *pointer)
{
    if (!a) {
        weir__fail_null(EINVAL, "no allocator: NULL was given");
        return false;
    }
    if (a == &weir__cpu) {
        weir__cpu_start();
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

static bool chunk_make(struct handles *of, bool near)
{
    void **chunk = weir__meta_allocate(CHUNK);
    if (!chunk)
        return false;
    *chunk = of->chunks;
    of->chunks = chunk;
    uintptr_t first = weir__round_up((uintptr_t)(chunk + 1), 2 * WEIR__HANDLE_NEAR);
    of->bump = (char *)first + near * WEIR__HANDLE_NEAR;
    of->end = (char *)chunk + CHUNK;
    return true;
}

static weir_allocator *handle_make(struct handles *of, bool near)
{
    weir__assert(weir__context_is_mine());
    if ((size_t)(of->end - of->bump) < sizeof(weir_allocator) && !chunk_make(of, near))
        return NULL;
    weir_allocator *made = (weir_allocator *)of->bump;
    of->bump += weir__min(2 * WEIR__HANDLE_NEAR, (size_t)(of->end - of->bump));
    return made;
}

static weir_allocator *handle_again(struct handles *of)
{
    weir__assert(weir__context_is_mine());
    weir_allocator *handle = weir__list_of(of->quarantine.first, weir_allocator, link);
    weir__list_remove(&of->quarantine, &handle->link);
    of->nquarantined--;
    handle->checkpoint = 0;
    memset(handle->name, 0, sizeof handle->name);
    return handle;
}

weir_allocator *weir__handle_take(bool root)
{
    weir__assert(weir__context_is_mine());
    ptrdiff_t slot = root ? weir__slot_take() : weir__slot_none();
    bool near = slot != weir__slot_none();
    struct handles *of = &handles_of[near];
    uint32_t number = near ? 0 : weir__number_take();
    weir_allocator *handle = NULL;
    if (near || number)
        handle = of->nquarantined < QUARANTINE ? handle_make(of, near) : handle_again(of);
    if (!handle) {
        weir__slot_give(slot);
        weir__number_give(number);
        return NULL;
    }
    weir__relaxed_set(handle->heap_at, slot);
    weir__relaxed_set(handle->number, number);
    return handle;
}

void weir__handle_displace(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    weir__slot_give(a->heap_at);
    weir__number_give(a->number);
    weir__relaxed_set(a->heap_at, weir__slot_none());
    weir__relaxed_set(a->number, 0);
}

void weir__handle_retire(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    weir__assert(a->state != WEIR__STATE_READY && !a->number);
    struct handles *of = &handles_of[weir__allocator_is_near(a)];
    __atomic_store_n(&a->state, WEIR__STATE_DESTROYED, __ATOMIC_RELEASE);
    weir__list_append(&of->quarantine, &a->link);
    of->nquarantined++;
}
