/* Finding allocators: by a pointer, by a name, all roots. */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <weir/weir.h>

static weir_allocator *make(const char *name, weir_allocator *parent, weir_source source)
{
    weir_allocator_options options = {.name = name, .parent = parent, .source = source};
    weir_allocator *a = weir_allocator_create(&options);
    cr_assert_not_null(a);
    return a;
}

/* -- of a pointer ---------------------------------------------------------------------------- */

static void find_blocks_of(weir_allocator *a)
{
    static const size_t sizes[] = {0, 1, 100, 16384, 20000, 1 << 20, 300 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t alignment = 16; alignment <= 8192; alignment *= 8) {
            char *block = weir_allocate_aligned(a, sizes[i], alignment);
            cr_assert_eq(weir_allocator_of(block), a, "%zu bytes of \"%s\"", sizes[i],
                         weir_allocator_name(a));
            cr_assert_null(weir_allocator_of(block + 1));
            weir_deallocate(a, block);
            cr_assert_null(weir_allocator_of(block), "it was freed");
        }
}

Test(lookup, the_allocator_of_a_block)
{
    weir_allocator *a = make("a", NULL, WEIR_SOURCE_POOL), *b = make("b", a, WEIR_SOURCE_POOL);
    find_blocks_of(cpu());
    find_blocks_of(a);
    find_blocks_of(b);
    find_blocks_of(make("raw", b, WEIR_SOURCE_BACKING));
    find_blocks_of(make("malloc", a, WEIR_SOURCE_MALLOC));
}

Test(lookup, what_is_no_block_has_none)
{
    int local = 0;
    errno = 7;
    cr_assert_null(weir_allocator_of(NULL));
    cr_assert_null(weir_allocator_of(&local));
    cr_assert_null(weir_allocator_of("text"));
    cr_assert_null(weir_allocator_of((void *)1));
    cr_assert_null(weir_allocator_of((void *)UINTPTR_MAX));
    cr_assert_null(weir_allocator_of(weir_cpu_allocator()));
    void *other = malloc(1000);
    cr_assert_null(weir_allocator_of(other));
    free(other);
    cr_assert_eq(errno, 7);
}

Test(lookup, blocks_of_a_destroyed_allocator_have_none)
{
    weir_allocator *a = make("a", NULL, WEIR_SOURCE_POOL), *m = make("m", NULL, WEIR_SOURCE_MALLOC);
    void *small = weir_allocate(a, 10), *large = weir_allocate(a, 1 << 20);
    void *foreign = weir_allocate(m, 10);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(weir_allocator_destroy(m), 0);
    cr_assert_null(weir_allocator_of(small));
    cr_assert_null(weir_allocator_of(large));
    cr_assert_null(weir_allocator_of(foreign));
}

static void *carve(void *user, size_t size, size_t alignment)
{
    (void)alignment;
    return size <= 1000 ? user : NULL;
}

static void carve_back(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)block, (void)size, (void)alignment;
}

/* A provider whose block begins where the other's that it is made of does. */
Test(lookup, the_innermost_of_two_that_begin_there)
{
    weir_allocator_functions functions = {.allocate = carve, .deallocate = carve_back};
    void *chunk = weir_allocate(cpu(), 1000);
    weir_allocator *arena = weir_allocator_create(&(weir_allocator_options){
        .source = WEIR_SOURCE_FUNCTIONS, .functions = &functions, .user = chunk});
    cr_assert_eq(weir_allocator_of(chunk), cpu());
    void *block = weir_allocate(arena, 100);
    cr_assert_eq(block, chunk);
    cr_assert_eq(weir_allocator_of(chunk), arena);
    weir_allocator *inner = weir_allocator_create(&(weir_allocator_options){
        .source = WEIR_SOURCE_FUNCTIONS, .functions = &functions, .user = chunk});
    void *within = weir_allocate(inner, 50);
    cr_assert_eq(weir_allocator_of(chunk), inner);
    weir_deallocate(inner, within);
    weir_deallocate(arena, block);
    cr_assert_eq(weir_allocator_of(chunk), cpu());
    weir_deallocate(cpu(), chunk);
    cr_assert_null(weir_allocator_of(chunk));
}

static bool done;

static void *churn(void *unused)
{
    uint64_t random = 5;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        weir_allocator *a =
            make("churn", NULL, random_below(&random, 2) ? WEIR_SOURCE_POOL : WEIR_SOURCE_MALLOC);
        for (int i = 0; i < 50; i++) {
            void *block = weir_allocate(a, random_size(&random, 100000));
            if (i % 2)
                weir_deallocate(a, block);
        }
        weir_allocator_destroy(a);
    }
    return unused;
}

Test(lookup, beside_threads_that_make_and_destroy)
{
    pthread_t thread;
    weir_allocator *a = make("mine", NULL, WEIR_SOURCE_POOL);
    cr_assert_eq(pthread_create(&thread, NULL, churn, NULL), 0);
    for (size_t n = 0; n < scaled(20000); n++) {
        void *block = weir_allocate(a, n % 30000);
        cr_assert_eq(weir_allocator_of(block), a);
        weir_deallocate(a, block);
        weir_allocator *found = weir_allocator_of(block);
        cr_assert_neq(found, a);
        cr_assert_eq(weir_allocator_find("mine"), a);
    }
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
}

/* -- by name --------------------------------------------------------------------------------- */

Test(lookup, by_name)
{
    weir_allocator *top = make("top", NULL, WEIR_SOURCE_POOL);
    weir_allocator *root = make("same", WEIR_NO_PARENT, WEIR_SOURCE_POOL);
    weir_allocator *low = make("same", make("middle", top, WEIR_SOURCE_POOL), WEIR_SOURCE_POOL);
    cr_assert_eq(weir_allocator_find("cpu"), cpu());
    cr_assert_eq(weir_allocator_find("top"), top);
    cr_assert_eq(weir_allocator_find("same"), root, "the oldest");
    cr_assert_eq(weir_allocator_destroy(root), 0);
    cr_assert_eq(weir_allocator_find("same"), low);
    cr_assert_eq(weir_allocator_destroy(low), 0);
    errno = 0;
    cr_assert_null(weir_allocator_find("same"));
    cr_assert_eq(errno, ENOENT);
    cr_assert_null(weir_allocator_find("sam"));
    cr_assert_null(weir_allocator_find("to"));
    errno = 0;
    cr_assert_null(weir_allocator_find(NULL));
    cr_assert_eq(errno, EINVAL);
}

Test(lookup, by_a_name_that_was_cut)
{
    char name[100] = {0};
    memset(name, 'x', sizeof name - 1);
    weir_allocator *a = make(name, NULL, WEIR_SOURCE_POOL);
    cr_assert_eq(weir_allocator_find(name), a);
    cr_assert_eq(weir_allocator_find(weir_allocator_name(a)), a);
    name[46] = 'y';
    cr_assert_null(weir_allocator_find(name));
}

/* -- roots ----------------------------------------------------------------------------------- */

struct seen {
    weir_allocator *which[32];
    size_t n;
    weir_allocator *destroy; /* at the first visit */
};

static bool see(weir_allocator *root, void *user)
{
    struct seen *seen = user;
    cr_assert_null(weir_allocator_parent(root));
    seen->which[seen->n++] = root;
    if (seen->destroy)
        cr_assert_eq(weir_allocator_destroy(seen->destroy), 0);
    seen->destroy = NULL;
    return false;
}

static bool stop_at_second(weir_allocator *root, void *user)
{
    (void)root;
    return ++*(int *)user == 2;
}

Test(lookup, all_roots_oldest_first)
{
    weir_allocator *a = make("a", WEIR_NO_PARENT, WEIR_SOURCE_POOL);
    weir_allocator *b = make("b", WEIR_NO_PARENT, WEIR_SOURCE_MALLOC);
    make("child", a, WEIR_SOURCE_POOL);
    struct seen seen = {0}, again = {.destroy = b};
    cr_assert_eq(weir_allocator_walk_roots(see, &seen), 0);
    cr_assert_eq(seen.n, 3);
    cr_assert(seen.which[0] == cpu() && seen.which[1] == a && seen.which[2] == b);
    int visits = 0;
    cr_assert_eq(weir_allocator_walk_roots(stop_at_second, &visits), 0);
    cr_assert_eq(visits, 2);
    cr_assert_eq(weir_allocator_walk_roots(see, &again), 0);
    cr_assert_eq(again.n, 2, "the visitor destroyed the third");
    cr_assert_eq(weir_allocator_walk_roots(NULL, NULL), EINVAL);
}

static bool destroy_itself(weir_allocator *root, void *user)
{
    ++*(int *)user;
    if (root != cpu())
        cr_assert_eq(weir_allocator_destroy(root), 0);
    return false;
}

Test(lookup, a_visitor_may_destroy_what_it_visits)
{
    int visits = 0;
    for (int i = 0; i < 20; i++)
        make("root", WEIR_NO_PARENT, i % 2 ? WEIR_SOURCE_POOL : WEIR_SOURCE_MALLOC);
    cr_assert_eq(weir_allocator_walk_roots(destroy_itself, &visits), 0);
    cr_assert_eq(visits, 21);
    visits = 0;
    cr_assert_eq(weir_allocator_walk_roots(destroy_itself, &visits), 0);
    cr_assert_eq(visits, 1);
}

/* Another thread's destruction waits until all were visited. */
static bool visit_slowly(weir_allocator *root, void *user)
{
    (void)user;
    for (int i = 0; i < 100; i++)
        cr_assert_str_neq(weir_allocator_name(root), "");
    return false;
}

Test(lookup, roots_live_while_they_are_visited)
{
    pthread_t thread;
    make("mine", WEIR_NO_PARENT, WEIR_SOURCE_POOL);
    cr_assert_eq(pthread_create(&thread, NULL, churn, NULL), 0);
    for (size_t n = 0; n < scaled(3000); n++)
        cr_assert_eq(weir_allocator_walk_roots(visit_slowly, NULL), 0);
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
}
