/* alloc/cpu.c - owns the CPU allocator: all of it static, so that it is there before the first
 * call, whichever thread makes it. */
#include "alloc/cpu.h"

#include "alloc/body.h"
#include "alloc/context.h"
#include "alloc/fork.h"
#include "alloc/hardened.h"
#include "alloc/source.h"
#include "backing/backing.h"

static struct weir__page_heap cpu_page_heap;
static struct weir__body cpu_body;
struct weir__cpu_handle weir__cpu_handle = {.handle = {.name = "cpu"}};

/* Before anybody has a block. */
static void hardened_begin(void)
{
    weir_hardened hardened = weir__hardened_default();
    if (weir__likely(hardened == WEIR_HARDENED_OFF))
        return;
    weir__hardened_page_heap(&cpu_page_heap);
    cpu_body.hardened = true;
    cpu_body.moves = hardened == WEIR_HARDENED_MOVES;
}

/* A second caller waits for the lock. */
void weir__cpu_start(void)
{
    const struct weir__backing *backing = weir__backing_get();
    weir__context_lock();
    bool first = weir__cpu.state == WEIR__STATE_NEW;
    if (first) {
        weir__registry_init(&cpu_body.registry);
        bool pooled = !weir__source_replaces_pool(&cpu_body, &cpu_body);
        if (pooled) {
            weir__page_heap_init(&cpu_page_heap, backing, weir__policy_get());
            cpu_page_heap.owner = &cpu_body;
            cpu_body.page_heap = &cpu_page_heap;
            hardened_begin();
            cpu_body.owns_page_heap = true;
            cpu_body.backing = backing->name;
        }
        weir__cpu.heap_at = weir__slot_take();
        weir__body_begin(&cpu_body, &weir__cpu, NULL, 0);
    }
    weir__context_unlock();
    if (first)
        weir__fork_handlers_install();
}

__attribute__((constructor)) static void cpu_start_early(void)
{
    weir__allocator_check(&weir__cpu, NULL);
}

/* The only way to the handle is this call, so it is ready before its first use. */
weir_allocator *weir_cpu_allocator(void)
{
    weir__allocator_check(&weir__cpu, NULL);
    return &weir__cpu;
}
