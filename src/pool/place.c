/* pool/place.c - see place.h. */
#include "pool/place.h"

struct weir__place weir__place_in_region(unsigned what, const void *pointer)
{
    struct weir__span *span = weir__span_at(what, pointer);
    bool starts = span && __atomic_load_n(&span->state, __ATOMIC_ACQUIRE) == WEIR__PAGE_SPAN &&
                  weir__span_block(span) == pointer;
    return (struct weir__place){what, NULL, NULL, starts ? span : NULL};
}
