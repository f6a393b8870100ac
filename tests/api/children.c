/*
 * weir_allocator_walk_children: its visitor is checked, and may do what it likes: destroy the child
 * that it sees, those that come after it and those that came before, and make new ones. Children
 * that live from before to after the walk are seen once, oldest first, and nobody who was destroyed
 * before the visit.
 */
#include "../helpers/promise.h"

#include <weir/weir.h>

enum { CHILDREN = 8 };

static struct {
    weir_allocator *parent, *child[CHILDREN];
    bool alive[CHILDREN];
    unsigned visits[CHILDREN], order[4 * CHILDREN];
    unsigned seen, strangers; /* visits, and those of no child of ours */
    unsigned act;             /* bit i: what to do is done at child i */
} family;

static struct ear ear;

static void family_make(unsigned act)
{
    memset(&family, 0, sizeof family);
    family.act = act;
    family.parent = weir_allocator_create(&(weir_allocator_options){.name = "parent"});
    cr_assert_not_null(family.parent);
    for (int i = 0; i < CHILDREN; i++) {
        family.child[i] = weir_allocator_create(&(weir_allocator_options){.parent = family.parent});
        cr_assert_not_null(weir_allocate(family.child[i], 100));
        family.alive[i] = true;
    }
    weir_set_misuse_handler(ear_hear, &ear);
}

static void family_end(int i)
{
    if (i < 0 || i >= CHILDREN || !family.alive[i])
        return;
    cr_expect_eq(weir_allocator_destroy(family.child[i]), 0, "child %d", i);
    family.alive[i] = false;
}

/* The number of the child, which must be alive; its handle is of use. */
static int family_visit(weir_allocator *child)
{
    for (int i = 0; i < CHILDREN; i++)
        if (family.child[i] == child && family.alive[i]) {
            family.visits[i]++;
            family.order[family.seen++ % (4 * CHILDREN)] = (unsigned)i;
            cr_expect_eq(weir_allocation_count(child), 1, "child %d is not itself", i);
            return i;
        }
    family.strangers++;
    return -1;
}

static void family_expect(int result, int wanted, const char *what)
{
    cr_expect_eq(result, wanted, "%s: returned %d", what, result);
    cr_expect_eq(family.strangers, 0, "%s: %u visits of no living child", what, family.strangers);
    for (int i = 0; i < CHILDREN; i++)
        if (family.alive[i])
            cr_expect_eq(family.visits[i], 1, "%s: child %d was visited %u times", what, i,
                         family.visits[i]);
    for (unsigned i = 1; i < family.seen; i++)
        cr_expect_lt(family.order[i - 1], family.order[i], "%s: not oldest first", what);
    cr_expect_eq(atomic_load(&ear.calls), 0, "%s: misuse was reported", what);
    for (int i = 0; i < CHILDREN; i++)
        family_end(i);
    expect_empty(family.parent, what);
}

static void family_end_rest(void)
{
    cr_expect_eq(weir_allocator_destroy(family.parent), 0, "the parent has children left");
    expect_empty(cpu(), "at the end");
}

/* -- arguments -------------------------------------------------------------------------- */

Test(children, need_a_visitor)
{
    family_make(0);
    cr_expect_eq(weir_allocator_walk_children(family.parent, NULL, NULL), EINVAL);
    cr_expect_eq(weir_allocator_walk_children(family.child[0], NULL, NULL), EINVAL,
                 "with no child");
    for (int i = 0; i < CHILDREN; i++)
        family_end(i);
}

static bool never(weir_allocator *child, void *user)
{
    (void)child, (void)user;
    cr_assert_fail("there is no child to visit");
    return true;
}

Test(children, of_null_are_refused)
{
    cr_expect_eq(weir_allocator_walk_children(NULL, never, NULL), EINVAL);
}

/* -- what a visitor may do -------------------------------------------------------------- */

static bool look_only(weir_allocator *child, void *user)
{
    int i = family_visit(child);
    return user && i == *(int *)user;
}

Test(children, are_visited_oldest_first_until_the_visitor_says_so)
{
    int last = 4;
    family_make(0);
    cr_expect_eq(weir_allocator_walk_children(family.parent, look_only, &last), 0);
    cr_expect_eq(family.seen, 5, "%u were visited", family.seen);
    memset(family.visits, 0, sizeof family.visits);
    family.seen = 0;
    family_expect(weir_allocator_walk_children(family.parent, look_only, NULL), 0, "looking");
    family_end_rest();
}

/* Destroys the children from `from` to `to`, counted from the one that is visited. */
struct reach {
    int from, to;
};

static bool destroy_reach(weir_allocator *child, void *user)
{
    struct reach *reach = user;
    int i = family_visit(child);
    if (i >= 0 && (family.act >> i & 1))
        for (int j = reach->from; j <= reach->to; j++)
            family_end(i + j);
    return false;
}

static void destroy_while_visiting(unsigned act, int from, int to, const char *what)
{
    struct reach reach = {from, to};
    family_make(act);
    family_expect(weir_allocator_walk_children(family.parent, destroy_reach, &reach), 0, what);
    family_end_rest();
}

Test(children, may_be_destroyed_by_their_visitor)
{
    for (unsigned act = 1; act < 1 << CHILDREN; act++) {
        destroy_while_visiting(act, 0, 0, "the visited");
        destroy_while_visiting(act, 1, 1, "the next");
        destroy_while_visiting(act, -1, -1, "the last");
        destroy_while_visiting(act, 0, 1, "the visited and the next");
        destroy_while_visiting(act, 1, 3, "the next three");
        destroy_while_visiting(act, -CHILDREN, CHILDREN, "all");
        destroy_while_visiting(act, -CHILDREN, -1, "all before");
        destroy_while_visiting(act, 1, CHILDREN, "all after");
    }
}

static bool make_more(weir_allocator *child, void *user)
{
    weir_allocator **made = user;
    int i = 0;
    for (; i < CHILDREN && (family.child[i] != child || !family.alive[i]); i++)
        ;
    if (i == CHILDREN)
        return false;
    family_visit(child);
    made[i] = weir_allocator_create(&(weir_allocator_options){.parent = family.parent});
    cr_expect_not_null(made[i]);
    if (i % 2) {
        family_end(i);
        family_end(i + 1);
    }
    return false;
}

Test(children, may_be_made_by_the_visitor)
{
    weir_allocator *made[CHILDREN] = {NULL};
    family_make(0);
    int result = weir_allocator_walk_children(family.parent, make_more, made);
    for (int i = 0; i < CHILDREN; i++)
        cr_expect(!made[i] || weir_allocator_destroy(made[i]) == 0);
    family_expect(result, 0, "making more");
    family_end_rest();
}

/* A visitor that visits its grandchildren, and destroys what it has seen, from the leaves. */
static bool destroy_tree(weir_allocator *child, void *user)
{
    size_t *count = user;
    cr_expect_eq(weir_allocator_walk_children(child, destroy_tree, user), 0);
    cr_expect_eq(weir_allocator_destroy(child), 0, "a child is not empty of children");
    ++*count;
    return false;
}

static void tree_make(weir_allocator *above, int depth)
{
    for (int i = 0; depth > 0 && i < 4; i++) {
        weir_allocator *child = weir_allocator_create(&(weir_allocator_options){.parent = above});
        weir_allocate(child, 10);
        tree_make(child, depth - 1);
    }
}

Test(children, of_children_may_be_destroyed_from_the_leaves)
{
    size_t count = 0;
    weir_allocator *root = weir_allocator_create(NULL);
    tree_make(root, 4);
    cr_expect_eq(weir_allocator_walk_children(root, destroy_tree, &count), 0);
    cr_expect_eq(count, 4 + 16 + 64 + 256, "%zu were destroyed", count);
    cr_expect_eq(weir_allocator_destroy(root), 0);
    expect_empty(cpu(), "at the end");
}

/* -- beside threads --------------------------------------------------------------------- */

static atomic_bool stop;

static void *come_and_go(void *unused)
{
    while (!atomic_load(&stop)) {
        weir_allocator *a =
            weir_allocator_create(&(weir_allocator_options){.parent = family.parent});
        weir_allocate(a, 50);
        weir_allocator_destroy(a);
    }
    return unused;
}

static bool count_ours(weir_allocator *child, void *user)
{
    (void)user;
    for (int i = 0; i < CHILDREN; i++)
        family.visits[i] += family.child[i] == child;
    return false;
}

Test(children, that_come_and_go_hide_none_that_stay)
{
    pthread_t thread;
    unsigned walks = 0;
    family_make(0);
    cr_assert_eq(pthread_create(&thread, NULL, come_and_go, NULL), 0);
    for (double end = seconds_now() + 1.5; seconds_now() < end; walks++)
        cr_assert_eq(weir_allocator_walk_children(family.parent, count_ours, NULL), 0);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    for (int i = 0; i < CHILDREN; i++)
        cr_expect_eq(family.visits[i], walks, "child %d was seen %u times in %u walks", i,
                     family.visits[i], walks);
    cr_expect_eq(atomic_load(&ear.calls), 0);
}
