/* alloc/misuse.c - late misuse in the name of the block's allocator, whose figures are mended by
 * what was counted off twice. No state, no lock. */
#include "alloc/misuse.h"

#include "alloc/context.h"
#include "alloc/corruption.h"
#include "alloc/count.h"
#include "alloc/handle.h"
#include "base/error.h"

void weir__late_misuses_report(void)
{
    struct weir__late_misuse late;
    while (!weir__context_is_mine() && weir__late_misuse_take(&late)) {
        weir__assert(!weir__lock_any_is_mine());
        weir_allocator *owner = (weir_allocator *)(uintptr_t)late.owner; /* never unmapped */
        if (late.what == WEIR_MISUSE_DOUBLE_FREE && weir__allocator_is_ready(owner)) {
            weir__count_mend(owner, late.requested);
            for (; late.more; late.more--)
                weir__count_mend(owner, 0); /* their bytes are in `requested` */
        }
        if (late.around)
            weir__damage_report(late.block, owner->name, late.around, late.requested, late.tag);
        else if (late.written && late.known)
            weir__written_report(late.block, owner->name, late.written - 1, late.requested,
                                 late.tag);
        else if (late.written)
            weir__misuse_written(late.block, late.written - 1, owner->name);
        else if (late.what == WEIR_MISUSE_CORRUPTION)
            weir__corruption_report(late.block, owner->name);
        else
            weir__misuse(late.what, late.block, owner->name);
    }
}
