/* alloc/handle.c - see handle.h. */
#include "alloc/handle.h"

#include "alloc/context.h"
#include "alloc/cpu.h"
#include "alloc/heap.h"
#include "backing/meta.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

/* Handles of destroyed allocators wait this long (in destructions) for re-use, so that a stale
 * handle is told from a new one. */
#define QUARANTINE 4096

/* Oldest first; context lock. */
static struct weir__list quarantine;
static unsigned nquarantined;

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

weir_allocator *weir__handle_take(void)
{
    weir__assert(weir__context_is_mine());
    if (nquarantined < QUARANTINE) {
        weir_allocator *made = weir__meta_allocate(sizeof *made);
        if (made)
            made->heap_at = weir__heap_slot_none();
        return made;
    }
    weir_allocator *handle = weir__list_of(quarantine.first, weir_allocator, link);
    weir__list_remove(&quarantine, &handle->link);
    nquarantined--;
    /* heap_at stays that of no heap: a stale user must not take the thread's own data for one. */
    handle->checkpoint = 0;
    memset(handle->name, 0, sizeof handle->name);
    return handle;
}

void weir__handle_retire(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    weir__assert(a->state != WEIR__STATE_READY);
    __atomic_store_n(&a->state, WEIR__STATE_DESTROYED, __ATOMIC_RELEASE);
    weir__list_append(&quarantine, &a->link);
    nquarantined++;
}
