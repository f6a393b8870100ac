/* base/handle.c - see handle.h. */
#include "base/handle.h"

#include "base/error.h"

_Static_assert(offsetof(struct weir__handle, mark) >= sizeof(void *),
               "a free object's link is before");

#define HANDLE_DEAD UINT32_C(0x80000000) /* next to the kind */

static const char *handle_name(enum weir__handle_kind kind)
{
    weir__assert(kind >= WEIR__HANDLE_ARENA && kind <= WEIR__HANDLE_PLAN_CACHE);
    static const char *const names[] = {"arena",       "pool of buffers", "plan",
                                        "plan memory", "plan recorder",   "plan replay",
                                        "plan cache"};
    return names[kind - WEIR__HANDLE_ARENA];
}

static void handle_report(const struct weir__handle *handle, enum weir__handle_kind kind,
                          uint32_t mark)
{
    weir__misuse(mark == (kind | HANDLE_DEAD) ? WEIR_MISUSE_DOUBLE_FREE
                                              : WEIR_MISUSE_FOREIGN_POINTER,
                 handle, handle_name(kind));
}

void weir__handle_begin(struct weir__handle *handle, enum weir__handle_kind kind)
{
    weir__assert(handle->mark != (uint32_t)kind);
    weir__relaxed_set(handle->mark, (uint32_t)kind);
}

bool weir__handle_is_live(const struct weir__handle *handle, enum weir__handle_kind kind)
{
    uint32_t mark = weir__relaxed_get(handle->mark);
    if (weir__likely(mark == (uint32_t)kind))
        return true;
    handle_report(handle, kind, mark);
    return false;
}

bool weir__handle_end(struct weir__handle *handle, enum weir__handle_kind kind)
{
    uint32_t mark = kind;
    if (__atomic_compare_exchange_n(&handle->mark, &mark, (uint32_t)kind | HANDLE_DEAD, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return true;
    handle_report(handle, kind, mark);
    return false;
}
