/*
 * "A failed call changes nothing but `failures`" (allocator.h): every call that takes memory, made
 * to fail at every place where it can, by a user's functions and by limits. errno says ENOMEM,
 * nothing is left behind, and the block that was to be changed is as it was.
 */
#include "../helpers/failing.h"

/* -- a user's functions ----------------------------------------------------------------- */

static void provider_fail(struct provider *p, struct scene *s, const struct failure *f)
{
    p->no_memory = true;
    fail_once(s, f, ENOMEM, "allocate");
    p->no_memory = false;
    if (f->ways & BY_ZERO) {
        p->zero = EIO;
        fail_once(s, f, EIO, "zero");
        p->zero = 0;
    }
    if (f->ways & BY_COPY) {
        p->copy = EIO;
        fail_once(s, f, EIO, "copy");
        p->copy = 0;
    }
}

Test(failed_calls, by_a_users_functions_change_only_the_failures)
{
    struct provider provider;
    struct scene scene;
    weir_allocator *above = weir_allocator_create(&(weir_allocator_options){.name = "above"});
    provider_make(&provider, above);
    scene_open(&scene, provider.allocator);
    memset(scene.held, 7, 1000);
    for (int i = 0; i < FAILURES; i++)
        if (!(failures[i].ways & HOST_ONLY))
            provider_fail(&provider, &scene, &failures[i]);
    held_is_whole(&scene);
    scene_close(&scene);
    expect_empty(provider.allocator, "at the end");
    cr_expect_eq(atomic_load(&provider.live), 0, "%ld blocks were not given back",
                 atomic_load(&provider.live));
    cr_expect_eq(weir_allocator_destroy(provider.allocator), 0);
    cr_expect_eq(weir_allocator_destroy(above), 0);
}

/* -- limits ----------------------------------------------------------------------------- */

/* The limit of the allocator itself, then that of the one above it. */
static void refuse_all(weir_allocator *a, weir_allocator *limited, const char *why)
{
    struct scene scene;
    scene_open(&scene, a);
    memset(scene.held, 7, 1000);
    cr_assert_eq(weir_set_limit(limited, weir_total_allocated(limited) + 10), 0);
    for (int i = 0; i < FAILURES; i++)
        if (failures[i].call != call_tensor_clone)
            fail_once(&scene, &failures[i], ENOMEM, why);
    held_is_whole(&scene);
    cr_assert_eq(weir_set_limit(limited, 0), 0);
    scene_close(&scene);
    expect_empty(a, why);
}

Test(failed_calls, by_a_limit_change_only_the_failures)
{
    static const weir_source sources[] = {WEIR_SOURCE_POOL, WEIR_SOURCE_MALLOC};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        weir_allocator *above = weir_allocator_create(NULL);
        weir_allocator *a =
            weir_allocator_create(&(weir_allocator_options){.parent = above, .source = sources[i]});
        cr_assert(above && a);
        refuse_all(a, a, "its own limit");
        refuse_all(a, above, "the limit above");
        cr_expect_eq(weir_allocator_destroy(a), 0);
        cr_expect_eq(weir_allocator_destroy(above), 0);
    }
}

/* -- sizes that cannot be --------------------------------------------------------------- */

Test(failed_calls, of_impossible_sizes_change_only_the_failures)
{
    struct look look;
    void *held = weir_allocate(cpu(), 3000);
    look_before(&look, cpu());
    cr_expect_null(weir_allocate(cpu(), (size_t)PTRDIFF_MAX + 1));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_null(weir_allocate(cpu(), PTRDIFF_MAX));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_null(weir_allocate_zeroed(cpu(), SIZE_MAX / 2, 4));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_null(weir_reallocate(cpu(), held, PTRDIFF_MAX));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_null(weir_allocate_aligned(cpu(), 100, 48));
    cr_expect_eq(errno, EINVAL);
    look_after(&look, "impossible sizes", true);
    weir_profiler_stop(&look.profiler);
    cr_expect_eq(weir_requested_size(cpu(), held), 3000);
    weir_deallocate(cpu(), held);
}
