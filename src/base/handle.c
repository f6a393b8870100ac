/* base/handle.c - see handle.h. */
#include "base/handle.h"

#include "base/error.h"

#include <errno.h>

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

bool weir__handle_is_live_slow(const void *object, enum weir__handle_kind kind)
{
    const struct weir__handle *handle = object;
    if (handle)
        handle_report(handle, kind, weir__relaxed_get(handle->mark));
    return false;
}

bool weir__handle_check_slow(const void *object, enum weir__handle_kind kind)
{
    if (object) {
        weir__handle_is_live_slow(object, kind);
        weir__fail_null(EINVAL, "no live %s", handle_name(kind));
    } else {
        weir__fail_null(EINVAL, "no %s: NULL was given", handle_name(kind));
    }
    return false;
}

bool weir__handle_end(void *object, enum weir__handle_kind kind)
{
    struct weir__handle *handle = object;
    if (!handle)
        return false;
    uint32_t mark = kind;
    if (__atomic_compare_exchange_n(&handle->mark, &mark, (uint32_t)kind | HANDLE_DEAD, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return true;
    handle_report(handle, kind, mark);
    return false;
}
