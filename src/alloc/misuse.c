/* alloc/misuse.c - late misuse in the name of the block's allocator. No state, no lock. */
#include "alloc/misuse.h"

#include "alloc/context.h"
#include "base/error.h"

void weir__late_misuses_report(void)
{
    struct weir__late_misuse late;
    while (weir__late_misuse_take(&late)) {
        const weir_allocator *owner = late.owner; /* its handle is never unmapped */
        weir__misuse(late.what, late.block, owner->name);
    }
}
