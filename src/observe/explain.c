/* observe/explain.c - see explain.h. */
#include "observe/explain.h"

#include "base/message.h"
#include "observe/frame.h"
#include "observe/guards.h"
#include "observe/samples.h"
#include "observe/stacks.h"
#include "track/sample.h"

#define CALLS_SHOWN 16

static void calls_print(const char *what, const void *const *address, uint32_t depth)
{
    char text[WEIR__FRAME_TEXT];
    weir__message_print("  %s:", what);
    for (uint32_t i = 0; i < depth && i < CALLS_SHOWN; i++) {
        weir__frame_text(text, address[i]);
        weir__message_print("    %s", text);
    }
    if (!depth)
        weir__message_print("    (no stack)");
    else if (depth > CALLS_SHOWN)
        weir__message_print("    and %u calls more", depth - CALLS_SHOWN);
}

static void block_print(const void *pointer)
{
    struct weir__sampled_freed freed;
    if (weir__guards_explain(pointer))
        return;
    if (!weir__samples_freed(pointer, &freed)) {
        weir__message_print(weir__sample_has_profile()
                                ? "  it was not sampled: WEIR_SAMPLE=1 samples every block"
                                : "  WEIR_SAMPLE=1 says where it was allocated and freed");
        return;
    }
    weir__message_print("  a block of %zu bytes", freed.requested);
    calls_print("allocated by", freed.allocated->address, freed.allocated->depth);
    calls_print("freed by", freed.freed->address, freed.freed->depth);
}

void weir__explain_misuse(weir_misuse what, const void *pointer)
{
    const void *address[WEIR__STACKS_DEPTH];
    bool cut;
    if (what == WEIR_MISUSE_DOUBLE_FREE)
        block_print(pointer);
    uint32_t depth = weir__stacks_now(address, &cut);
    calls_print("found in", address, depth);
}
