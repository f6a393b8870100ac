/*
 * Crimes of a program in C that is linked with libweir, against allocators: what is another's or
 * is gone. tests/misuse/crime.h says how they are run.
 */
#include "crime.h"

#include <weir/weir.h>

#define MIB ((size_t)1024 * 1024)

static byte *told(void *block)
{
    if (!block)
        exit(2);
    tell("B", block);
    return (byte *)block;
}

static void give(volatile void *block)
{
    weir_deallocate(weir_cpu_allocator(), (void *)block);
}

static weir_allocator *child_make(void)
{
    return weir_allocator_create(&(weir_allocator_options){.name = "child"});
}

/* -- other allocators ------------------------------------------------------------------------- */

static void of_child(void)
{
    give(told(weir_allocate(child_make(), 100)));
}
static void of_child_large(void)
{
    give(told(weir_allocate(child_make(), MIB)));
}

static void of_parent(void)
{
    weir_deallocate(child_make(), (void *)told(weir_allocate(weir_cpu_allocator(), 100)));
}

static weir_allocator *source_make(weir_source source)
{
    return weir_allocator_create(&(weir_allocator_options){.name = "other", .source = source});
}

static void of_own_pool(void)
{
    give(told(weir_allocate(source_make(WEIR_SOURCE_OWN_POOL), 100)));
}
static void of_backing(void)
{
    give(told(weir_allocate(source_make(WEIR_SOURCE_BACKING), 100)));
}

static void of_arena(void)
{
    weir_arena *arena = weir_arena_create(NULL);
    weir_arena_allocate(arena, 100);
    give(told(weir_arena_allocate(arena, 100)));
}

static void of_buffer_pool(void)
{
    give(told(weir_buffer_pool_acquire(weir_buffer_pool_create(NULL), 100)));
}

/* -- allocators that are gone ------------------------------------------------------------------ */

static weir_allocator *gone(void)
{
    weir_allocator *a = child_make();
    weir_allocator_destroy(a);
    tell("B", a);
    return a;
}

static void gone_allocate(void)
{
    weir_allocate(gone(), 100);
}
static void gone_twice(void)
{
    weir_allocator_destroy(gone());
}
static void gone_limit(void)
{
    weir_set_limit(gone(), 100);
}
static void gone_total(void)
{
    weir_total_allocated(gone());
}
static void gone_parent(void)
{
    weir_allocator_create(&(weir_allocator_options){.parent = gone()});
}

static void gone_free(void)
{
    weir_allocator *a = child_make();
    byte *block = told(weir_allocate(a, 100));
    weir_allocator_destroy(a);
    weir_deallocate(a, (void *)block);
}

static void gone_block(void)
{
    weir_allocator *a = child_make();
    byte *block = told(weir_allocate(a, 100));
    weir_allocator_destroy(a);
    give(block);
}

#define CRIME(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct crime crimes[] = {
    CRIME(of_child),   CRIME(of_child_large), CRIME(of_parent),      CRIME(of_own_pool),
    CRIME(of_backing), CRIME(of_arena),       CRIME(of_buffer_pool), CRIME(gone_allocate),
    CRIME(gone_twice), CRIME(gone_limit),     CRIME(gone_total),     CRIME(gone_parent),
    CRIME(gone_free),  CRIME(gone_block)};

int main(int argc, char **argv)
{
    return crime_main(argc, argv, crimes, sizeof crimes / sizeof *crimes);
}
