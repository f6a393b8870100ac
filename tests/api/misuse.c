/*
 * Misuse is found in every build: each crime, committed in a child process, ends it by
 * abort with exactly one line; with a handler installed the bad call does nothing and
 * the statistics stay true.
 */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

/* What a crime is committed on, and the name of the allocator the line must give. */
struct scene {
    weir_allocator *allocator;
    void *bad;
    const char *name;
};

typedef void crime(struct scene *scene);

struct case_of_misuse {
    const char *what; /* for messages of this test */
    crime *commit;
    weir_misuse fault;
};

static void use(struct scene *s, weir_allocator *a, void *bad)
{
    s->allocator = a;
    s->bad = bad;
    s->name = weir_allocator_name(a);
}

static void free_twice(struct scene *s, weir_allocator *a, void *block)
{
    use(s, a, block);
    weir_deallocate(a, block);
    weir_deallocate(a, block);
}

/* -- double frees ----------------------------------------------------------------------- */

static void double_free_small(struct scene *s)
{
    free_twice(s, cpu(), weir_allocate(cpu(), 100));
}

static void double_free_empty(struct scene *s)
{
    free_twice(s, cpu(), weir_allocate(cpu(), 0));
}

static void double_free_slab_words_apart(struct scene *s)
{
    free_twice(s, cpu(), weir_allocate(cpu(), 16000));
}

static void double_free_large(struct scene *s)
{
    free_twice(s, cpu(), weir_allocate(cpu(), MIB));
}

static void double_free_large_later(struct scene *s)
{
    void *block = weir_allocate(cpu(), MIB), *others[8];
    for (int i = 0; i < 8; i++)
        others[i] = weir_allocate(cpu(), MIB);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    for (int i = 0; i < 8; i++)
        weir_deallocate(cpu(), others[i]);
    weir_deallocate(cpu(), block);
}

/* Long after: its cache was drained, so the block lies in its slab again. */
static void double_free_small_later(struct scene *s)
{
    enum { N = 5000 };
    void *blocks[N];
    for (int i = 0; i < N; i++)
        blocks[i] = weir_allocate(cpu(), 64);
    for (int i = 0; i < N; i += 2)
        weir_deallocate(cpu(), blocks[i]);
    use(s, cpu(), blocks[0]);
    weir_deallocate(cpu(), blocks[0]);
}

static void double_free_trimmed(struct scene *s)
{
    void *kept = weir_allocate(cpu(), 64), *block = weir_allocate(cpu(), 64);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    weir_trim(cpu());
    weir_deallocate(cpu(), block);
    weir_deallocate(cpu(), kept);
}

static void double_free_slab_empty(struct scene *s)
{
    void *kept = weir_allocate(cpu(), 64), *block = weir_allocate(cpu(), 1000);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    weir_trim(cpu());
    weir_deallocate(cpu(), block);
    weir_deallocate(cpu(), kept);
}

static void *free_it(void *block)
{
    weir_deallocate(cpu(), block);
    return NULL;
}

static void in_a_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) == 0)
        pthread_join(thread, NULL);
}

static void double_free_other_thread(struct scene *s)
{
    void *block = weir_allocate(cpu(), 200);
    use(s, cpu(), block);
    in_a_thread(free_it, block);
    weir_deallocate(cpu(), block);
}

static void double_free_in_other_thread(struct scene *s)
{
    void *block = weir_allocate(cpu(), 200);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    in_a_thread(free_it, block);
}

static void reallocate_freed(struct scene *s)
{
    void *block = weir_allocate(cpu(), 100);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    weir_reallocate(cpu(), block, 200);
}

static void reallocate_freed_large(struct scene *s)
{
    void *block = weir_allocate(cpu(), MIB);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    weir_reallocate(cpu(), block, 2 * MIB);
}

static void free_after_reallocate_moved(struct scene *s)
{
    void *block = weir_allocate(cpu(), 100), *moved = weir_reallocate(cpu(), block, 5000);
    use(s, cpu(), block);
    if (moved != block)
        weir_deallocate(cpu(), block);
}

static void ask_size_of_freed(struct scene *s)
{
    void *block = weir_allocate(cpu(), 100);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    weir_usable_size(cpu(), block);
}

static void ask_request_of_freed(struct scene *s)
{
    void *block = weir_allocate(cpu(), MIB);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    weir_requested_size(cpu(), block);
}

static void sized_free_of_freed(struct scene *s)
{
    void *block = weir_allocate(cpu(), 100);
    use(s, cpu(), block);
    weir_deallocate(cpu(), block);
    weir_deallocate_sized(cpu(), block, 100);
}

/* -- pointers that are no block's start ---------------------------------------------------- */

static void interior_small(struct scene *s)
{
    use(s, cpu(), (char *)weir_allocate(cpu(), 100) + 64);
    weir_deallocate(cpu(), s->bad);
}

static void interior_one_byte(struct scene *s)
{
    use(s, cpu(), (char *)weir_allocate(cpu(), 100) + 1);
    weir_deallocate(cpu(), s->bad);
}

static void interior_large(struct scene *s)
{
    use(s, cpu(), (char *)weir_allocate(cpu(), MIB) + 8192);
    weir_deallocate(cpu(), s->bad);
}

static void interior_large_one_byte(struct scene *s)
{
    use(s, cpu(), (char *)weir_allocate(cpu(), MIB) + 1);
    weir_deallocate(cpu(), s->bad);
}

static void interior_huge(struct scene *s)
{
    use(s, cpu(), (char *)weir_allocate(cpu(), 200 * MIB) + 100 * MIB);
    weir_deallocate(cpu(), s->bad);
}

static void interior_reallocate(struct scene *s)
{
    use(s, cpu(), (char *)weir_allocate(cpu(), 1000) + 16);
    weir_reallocate(cpu(), s->bad, 10);
}

static void interior_tag(struct scene *s)
{
    use(s, cpu(), (char *)weir_allocate(cpu(), 1000) + 16);
    weir_block_tag(cpu(), s->bad);
}

/* -- foreign pointers ------------------------------------------------------------------------ */

static void foreign_stack(struct scene *s)
{
    char here;
    use(s, cpu(), &here);
    weir_deallocate(cpu(), &here);
}

static void foreign_static(struct scene *s)
{
    static char there;
    use(s, cpu(), &there);
    weir_deallocate(cpu(), &there);
}

static void foreign_malloc(struct scene *s)
{
    use(s, cpu(), malloc(64));
    weir_deallocate(cpu(), s->bad);
}

static void foreign_unmapped(struct scene *s)
{
    use(s, cpu(), (void *)(uintptr_t)0x123456789000);
    weir_deallocate(cpu(), s->bad);
}

static void foreign_noncanonical(struct scene *s)
{
    use(s, cpu(), (void *)(uintptr_t)0xfedcba9876543210);
    weir_deallocate(cpu(), s->bad);
}

static void foreign_odd(struct scene *s)
{
    use(s, cpu(), (void *)(uintptr_t)1);
    weir_deallocate(cpu(), s->bad);
}

static void foreign_forbidden_page(struct scene *s)
{
    use(s, cpu(), mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    weir_deallocate(cpu(), s->bad);
}

static void foreign_beside_a_span(struct scene *s)
{
    char *block = weir_allocate(cpu(), MIB);
    use(s, cpu(), block + 64 * MIB);
    weir_deallocate(cpu(), s->bad);
}

static void foreign_never_used_block(struct scene *s)
{
    char *block = weir_allocate(cpu(), 16384);
    use(s, cpu(), (char *)((uintptr_t)block & ~(uintptr_t)0x3fffff) + 63 * 65536);
    weir_deallocate(cpu(), s->bad);
}

static void foreign_headers(struct scene *s)
{
    char *block = weir_allocate(cpu(), 64);
    use(s, cpu(), (char *)((uintptr_t)block & ~(uintptr_t)0x3fffff));
    weir_deallocate(cpu(), s->bad);
}

static void foreign_ledger(struct scene *s)
{
    char *block = weir_allocate(cpu(), 64);
    use(s, cpu(), (char *)((uintptr_t)block & ~(uintptr_t)0xffff));
    weir_deallocate(cpu(), s->bad);
}

static void foreign_reallocate(struct scene *s)
{
    static char there[64];
    use(s, cpu(), there);
    weir_reallocate(cpu(), there, 100);
}

static void foreign_to_functions(struct scene *s)
{
    static const weir_allocator_options options = {.name = "raw", .source = WEIR_SOURCE_MALLOC};
    use(s, weir_allocator_create(&options), malloc(64));
    weir_deallocate(s->allocator, s->bad);
}

static void double_free_to_functions(struct scene *s)
{
    static const weir_allocator_options options = {.name = "raw", .source = WEIR_SOURCE_MALLOC};
    weir_allocator *a = weir_allocator_create(&options);
    free_twice(s, a, weir_allocate(a, 64));
}

/* -- another allocator's ------------------------------------------------------------------------
 */

static weir_allocator *named(const char *name)
{
    return weir_allocator_create(&(weir_allocator_options){.name = name});
}

static void other_small(struct scene *s)
{
    use(s, named("mine"), weir_allocate(cpu(), 100));
    weir_deallocate(s->allocator, s->bad);
}

static void other_large(struct scene *s)
{
    use(s, named("mine"), weir_allocate(named("yours"), MIB));
    weir_deallocate(s->allocator, s->bad);
}

/* The wrong allocator's window is open and its cache has room: the fast way must see it. */
static void other_child(struct scene *s)
{
    use(s, cpu(), weir_allocate(named("child"), 100));
    weir_deallocate(cpu(), weir_allocate(cpu(), MIB)); /* credit below this peak */
    for (int i = 0; i < 50; i++)
        weir_deallocate(cpu(), weir_allocate(cpu(), 100));
    weir_deallocate(cpu(), s->bad);
}

static void other_pool(struct scene *s)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    use(s, cpu(), weir_allocate(pool, 3000));
    weir_deallocate(cpu(), s->bad);
}

static void other_functions(struct scene *s)
{
    static const weir_allocator_options options = {.name = "raw", .source = WEIR_SOURCE_MALLOC};
    use(s, cpu(), weir_allocate(weir_allocator_create(&options), 100));
    weir_deallocate(cpu(), s->bad);
}

static void other_of_functions(struct scene *s)
{
    static const weir_allocator_options options = {.name = "raw", .source = WEIR_SOURCE_MALLOC};
    use(s, weir_allocator_create(&options), weir_allocate(cpu(), 100));
    weir_deallocate(s->allocator, s->bad);
}

static void other_reallocate(struct scene *s)
{
    use(s, named("mine"), weir_allocate(cpu(), 100));
    weir_reallocate(s->allocator, s->bad, 50);
}

/* -- after the end ---------------------------------------------------------------------------- */

static weir_allocator *destroyed(void)
{
    weir_allocator *a = named("gone");
    weir_deallocate(a, weir_allocate(a, 10));
    weir_allocator_destroy(a);
    return a;
}

/* The name of a destroyed allocator is kept for the line, but may not be asked. */
static void use_gone(struct scene *s, weir_allocator *a, void *bad)
{
    *s = (struct scene){a, bad, "gone"};
}

static void gone_allocate(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    cr_assert_null(weir_allocate(a, 10));
}

static void gone_aligned(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    cr_assert_null(weir_allocate_aligned(a, 10, 16));
}

static void gone_zeroed(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    cr_assert_null(weir_allocate_zeroed(a, 10, 16));
}

static void gone_large(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    cr_assert_null(weir_allocate(a, MIB));
}

static void gone_free(struct scene *s)
{
    weir_allocator *a = named("gone");
    void *block = weir_allocate(a, 10);
    weir_allocator_destroy(a);
    use_gone(s, a, block);
    weir_deallocate(a, block);
}

static void gone_free_large(struct scene *s)
{
    weir_allocator *a = named("gone");
    void *block = weir_allocate(a, MIB);
    weir_allocator_destroy(a);
    use_gone(s, a, block);
    weir_deallocate(a, block);
}

static void gone_total(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    weir_total_allocated(a);
}

static void gone_destroy(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    weir_allocator_destroy(a);
}

static void gone_limit(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    weir_set_limit(a, 100);
}

static void gone_parent(struct scene *s)
{
    weir_allocator *a = destroyed();
    use_gone(s, a, a);
    weir_allocator_create(&(weir_allocator_options){.parent = a});
}

static void gone_with_pool(struct scene *s)
{
    weir_allocator *a = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .name = "gone"});
    weir_allocator_destroy(a);
    use_gone(s, a, a);
    cr_assert_null(weir_allocate(a, 10));
}

/* -- sizes ---------------------------------------------------------------------------------- */

static void size_small(struct scene *s)
{
    use(s, cpu(), weir_allocate(cpu(), 100));
    weir_deallocate_sized(cpu(), s->bad, 101);
}

static void size_large(struct scene *s)
{
    use(s, cpu(), weir_allocate(cpu(), MIB));
    weir_deallocate_sized(cpu(), s->bad, MIB - 1);
}

static void size_functions(struct scene *s)
{
    static const weir_allocator_options options = {.name = "raw", .source = WEIR_SOURCE_MALLOC};
    weir_allocator *a = weir_allocator_create(&options);
    use(s, a, weir_allocate(a, 100));
    weir_deallocate_sized(a, s->bad, 99);
}

#define CASE(name, fault)                                                                          \
    {                                                                                              \
#name, name, WEIR_MISUSE_##fault                                                           \
    }
static const struct case_of_misuse cases[] = {
    CASE(double_free_small, DOUBLE_FREE),
    CASE(double_free_empty, DOUBLE_FREE),
    CASE(double_free_slab_words_apart, DOUBLE_FREE),
    CASE(double_free_large, DOUBLE_FREE),
    CASE(double_free_large_later, DOUBLE_FREE),
    CASE(double_free_small_later, DOUBLE_FREE),
    CASE(double_free_trimmed, DOUBLE_FREE),
    CASE(double_free_slab_empty, DOUBLE_FREE),
    CASE(double_free_other_thread, DOUBLE_FREE),
    CASE(double_free_in_other_thread, DOUBLE_FREE),
    CASE(reallocate_freed, DOUBLE_FREE),
    CASE(reallocate_freed_large, DOUBLE_FREE),
    CASE(free_after_reallocate_moved, DOUBLE_FREE),
    CASE(ask_size_of_freed, DOUBLE_FREE),
    CASE(ask_request_of_freed, DOUBLE_FREE),
    CASE(sized_free_of_freed, DOUBLE_FREE),
    CASE(interior_small, INTERIOR_POINTER),
    CASE(interior_one_byte, INTERIOR_POINTER),
    CASE(interior_large, INTERIOR_POINTER),
    CASE(interior_large_one_byte, INTERIOR_POINTER),
    CASE(interior_huge, INTERIOR_POINTER),
    CASE(interior_reallocate, INTERIOR_POINTER),
    CASE(interior_tag, INTERIOR_POINTER),
    CASE(foreign_stack, FOREIGN_POINTER),
    CASE(foreign_static, FOREIGN_POINTER),
    CASE(foreign_malloc, FOREIGN_POINTER),
    CASE(foreign_unmapped, FOREIGN_POINTER),
    CASE(foreign_noncanonical, FOREIGN_POINTER),
    CASE(foreign_odd, FOREIGN_POINTER),
    CASE(foreign_forbidden_page, FOREIGN_POINTER),
    CASE(foreign_beside_a_span, FOREIGN_POINTER),
    CASE(foreign_never_used_block, FOREIGN_POINTER),
    CASE(foreign_headers, FOREIGN_POINTER),
    CASE(foreign_ledger, FOREIGN_POINTER),
    CASE(foreign_reallocate, FOREIGN_POINTER),
    CASE(foreign_to_functions, FOREIGN_POINTER),
    CASE(double_free_to_functions, DOUBLE_FREE),
    CASE(other_small, OTHER_ALLOCATOR),
    CASE(other_large, OTHER_ALLOCATOR),
    CASE(other_child, OTHER_ALLOCATOR),
    CASE(other_pool, OTHER_ALLOCATOR),
    CASE(other_functions, OTHER_ALLOCATOR),
    CASE(other_of_functions, OTHER_ALLOCATOR),
    CASE(other_reallocate, OTHER_ALLOCATOR),
    CASE(gone_allocate, DESTROYED_ALLOCATOR),
    CASE(gone_aligned, DESTROYED_ALLOCATOR),
    CASE(gone_zeroed, DESTROYED_ALLOCATOR),
    CASE(gone_large, DESTROYED_ALLOCATOR),
    CASE(gone_free, DESTROYED_ALLOCATOR),
    CASE(gone_free_large, DESTROYED_ALLOCATOR),
    CASE(gone_total, DESTROYED_ALLOCATOR),
    CASE(gone_destroy, DESTROYED_ALLOCATOR),
    CASE(gone_limit, DESTROYED_ALLOCATOR),
    CASE(gone_parent, DESTROYED_ALLOCATOR),
    CASE(gone_with_pool, DESTROYED_ALLOCATOR),
    CASE(size_small, SIZE_MISMATCH),
    CASE(size_large, SIZE_MISMATCH),
    CASE(size_functions, SIZE_MISMATCH),
};
enum { CASES = sizeof cases / sizeof *cases };

/* -- without a handler: one line, then abort --------------------------------------------- */

/* The scene is shared with the child, which fills it in before the crime. */
static void child_commits(const struct case_of_misuse *c, struct scene *shared, int to)
{
    dup2(to, STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    c->commit(shared);
    _exit(0); /* it went unnoticed */
}

static size_t read_all(int from, char *text, size_t size)
{
    size_t length = 0;
    ssize_t part;
    while (length < size - 1 && (part = read(from, text + length, size - 1 - length)) > 0)
        length += (size_t)part;
    text[length] = 0;
    return length;
}

static void crime_expect_abort(const struct case_of_misuse *c)
{
    int ends[2], status;
    char text[1000], line[300], name[64];
    struct scene *shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        child_commits(c, shared, ends[1]);
    close(ends[1]);
    read_all(ends[0], text, sizeof text);
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: status %x", c->what,
              (unsigned)status);
    /* `name` is a pointer of the child's, whose memory had all that ours has. */
    snprintf(name, sizeof name, "%s",
             strstr(text, "allocator \"") ? strstr(text, "allocator \"") : "");
    snprintf(line, sizeof line, "weir: %s: %p (%s", weir_misuse_name(c->fault), shared->bad, name);
    cr_expect_str_eq(text, line, "%s said: %s", c->what, text);
    cr_expect_str_neq(name, "", "%s named no allocator: %s", c->what, text);
    munmap(shared, 4096);
}

Test(misuse, every_crime_aborts_with_one_line_that_names_it)
{
    SKIP_UNDER_EMULATOR("it says a line of its own when a program aborts");
    for (int i = 0; i < CASES; i++)
        crime_expect_abort(&cases[i]);
}

/* -- with a handler: nothing happened ------------------------------------------------------- */

struct witness {
    unsigned calls;
    weir_misuse what;
    const void *pointer;
    char line[300];
};

static void witness_call(weir_misuse what, const void *pointer, const char *line, void *user)
{
    struct witness *w = user;
    w->calls++;
    w->what = what;
    w->pointer = pointer;
    snprintf(w->line, sizeof w->line, "%s", line);
    /* No lock is held: weir may be asked, and used. */
    weir_total_allocated(weir_cpu_allocator());
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 40));
}

/* Every live block of the process, counted one by one. */
struct census {
    size_t bytes, blocks;
};

static bool census_block(const weir_block *block, void *user)
{
    struct census *c = user;
    c->bytes += block->requested;
    c->blocks++;
    return false;
}

static bool census_take(weir_allocator *a, void *user)
{
    weir_allocator_walk(a, census_block, user);
    return weir_allocator_walk_children(a, census_take, user);
}

static void crime_expect_nothing(const struct case_of_misuse *c)
{
    struct witness w = {0};
    struct scene scene = {0};
    char line[300];
    weir_set_misuse_handler(witness_call, &w);
    c->commit(&scene);
    cr_assert_eq(w.calls, 1, "%s: reported %u times", c->what, w.calls);
    cr_assert_eq(w.what, c->fault, "%s: was called a %s", c->what, weir_misuse_name(w.what));
    cr_assert_eq(w.pointer, scene.bad, "%s", c->what);
    snprintf(line, sizeof line, "weir: %s: %p (allocator \"%s\")", weir_misuse_name(c->fault),
             scene.bad, scene.name);
    cr_assert_str_eq(w.line, line, "%s said: %s", c->what, w.line);
    struct census census = {0};
    census_take(weir_cpu_allocator(), &census);
    cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), census.bytes, "%s: %zu, counted %zu",
                 c->what, weir_total_allocated(weir_cpu_allocator()), census.bytes);
    cr_assert_eq(weir_allocation_count(weir_cpu_allocator()), census.blocks, "%s", c->what);
    cr_assert_leq(weir_total_allocated(weir_cpu_allocator()),
                  weir_peak_allocated(weir_cpu_allocator()));
}

Test(misuse, with_a_handler_every_crime_does_nothing)
{
    for (int i = 0; i < CASES; i++)
        crime_expect_nothing(&cases[i]);
}

/* A freed block that was reported is not handed out twice. */
Test(misuse, a_double_free_that_was_reported_makes_no_two_owners)
{
    struct witness w = {0};
    weir_set_misuse_handler(witness_call, &w);
    void *block = weir_allocate(cpu(), 100);
    weir_deallocate(cpu(), block);
    weir_deallocate(cpu(), block);
    cr_assert_eq(w.calls, 1);
    void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = weir_allocate(cpu(), 100);
    for (int i = 0; i < 100; i++)
        for (int j = 0; j < i; j++)
            cr_assert_neq(blocks[i], blocks[j]);
}

static jmp_buf away;

static void jump_away(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)what, (void)pointer, (void)line, (void)user;
    longjmp(away, 1);
}

Test(misuse, a_handler_may_jump_away)
{
    static char there;
    weir_set_misuse_handler(jump_away, NULL);
    for (volatile int i = 0; i < 1000; i++) {
        void *volatile block = weir_allocate(cpu(), 30);
        if (setjmp(away) == 0) {
            weir_deallocate(cpu(), &there);
            cr_assert_fail("it came back");
        }
        weir_deallocate(cpu(), block);
    }
    cr_assert_eq(weir_total_allocated(cpu()), 0);
}

Test(misuse, without_handler_again_aborts_again)
{
    SKIP_UNDER_EMULATOR("it says a line of its own when a program aborts");
    struct witness w;
    weir_set_misuse_handler(witness_call, &w);
    weir_set_misuse_handler(NULL, NULL);
    crime_expect_abort(&cases[0]);
}

Test(misuse, owning_is_asked_of_any_pointer_without_fault)
{
    struct witness w = {0};
    weir_set_misuse_handler(witness_call, &w);
    char *small = weir_allocate(cpu(), 100), *large = weir_allocate(cpu(), MIB);
    weir_allocator *other = named("other");
    uint64_t random = 5;
    cr_assert(weir_owns(cpu(), small) && weir_owns(cpu(), large));
    cr_assert_not(weir_owns(cpu(), small + 1) || weir_owns(cpu(), large + 4096));
    cr_assert_not(weir_owns(other, small) || weir_owns(other, large));
    cr_assert_not(weir_owns(cpu(), NULL) || weir_owns(cpu(), &w));
    for (int i = 0; i < 100000; i++) {
        uintptr_t base = (uintptr_t)(i % 3 ? (i % 3 == 1 ? small : large) : NULL);
        uintptr_t at = base + random_next(&random) % (i % 2 ? 1 << 23 : SIZE_MAX);
        const char *pointer = (const char *)at;
        cr_assert(!weir_owns(cpu(), pointer) || pointer == small || pointer == large);
    }
    weir_deallocate(cpu(), small);
    cr_assert_not(weir_owns(cpu(), small));
    cr_assert_eq(w.calls, 0);
}

Test(misuse, every_fault_has_a_name)
{
    for (int what = WEIR_MISUSE_DOUBLE_FREE; what <= WEIR_MISUSE_CORRUPTION; what++)
        for (int other = 0; other < what; other++)
            cr_assert_str_neq(weir_misuse_name((weir_misuse)what),
                              weir_misuse_name((weir_misuse)other));
    cr_assert_not_null(weir_misuse_name((weir_misuse)99));
}
