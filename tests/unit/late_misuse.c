/*
 * Late misuse: kept until it is taken, each once, in any order of threads; what finds no
 * place is added to another, or counted.
 */
#include "pool/late_misuse.h"
#include "../helpers/suite.h"

#include <pthread.h>
#include <string.h>

enum { THREADS = 4, EACH = 20000 };

static char blocks[THREADS * EACH];
static unsigned char taken[THREADS * EACH];

static struct weir__late_misuse twice(size_t i)
{
    return (struct weir__late_misuse){
        .what = WEIR_MISUSE_DOUBLE_FREE, .block = &blocks[i], .owner = &taken, .requested = i};
}

static bool same(const struct weir__late_misuse *a, const struct weir__late_misuse *b)
{
    return a->what == b->what && a->block == b->block && a->owner == b->owner &&
           a->requested == b->requested;
}

Test(late_misuse, is_kept_until_it_is_taken)
{
    struct weir__late_misuse late, expected;
    cr_assert_not(weir__late_misuse_take(&late));
    for (size_t i = 0; i < WEIR__LATE_MISUSES; i++) {
        expected = twice(i);
        weir__late_misuse_keep(&expected);
    }
    cr_assert(weir__late_misuses_kept);
    for (size_t i = 0; i < WEIR__LATE_MISUSES; i++) {
        expected = twice(i);
        cr_assert(weir__late_misuse_take(&late));
        cr_assert(same(&late, &expected));
    }
    cr_assert_not(weir__late_misuse_take(&late));
    cr_assert_not(weir__late_misuses_kept);
    cr_assert_eq(weir__late_misuses_lost(), 0);
}

/* No figure is lost with the line. */
Test(late_misuse, what_finds_no_place_is_added_to_another_of_its_owner)
{
    struct weir__late_misuse late;
    size_t bytes = 0, count = 0;
    for (size_t i = 0; i < WEIR__LATE_MISUSES + 3; i++) {
        late = twice(i);
        weir__late_misuse_keep(&late);
    }
    cr_assert_eq(weir__late_misuses_lost(), 0);
    while (weir__late_misuse_take(&late)) {
        bytes += late.requested;
        count += 1 + late.more;
    }
    cr_assert_eq(count, WEIR__LATE_MISUSES + 3);
    cr_assert_eq(bytes, (WEIR__LATE_MISUSES + 2) * (WEIR__LATE_MISUSES + 3) / 2);
}

Test(late_misuse, what_can_be_added_to_none_is_counted)
{
    struct weir__late_misuse late;
    for (size_t i = 0; i < WEIR__LATE_MISUSES; i++) {
        late = twice(i);
        weir__late_misuse_keep(&late);
    }
    late = twice(1);
    late.owner = &blocks[7];
    weir__late_misuse_keep(&late);
    late = twice(2);
    late.what = WEIR_MISUSE_CORRUPTION;
    weir__late_misuse_keep(&late);
    cr_assert_eq(weir__late_misuses_lost(), 2);
    while (weir__late_misuse_take(&late))
        cr_assert_eq(late.more, 0);
}

/* A walk finds an overwritten entry each time it comes by; a second copy is found once, and
 * there may be several. */
Test(late_misuse, only_corruption_is_kept_once)
{
    struct weir__late_misuse corrupt = twice(1), copy = twice(1), late;
    corrupt.what = WEIR_MISUSE_CORRUPTION;
    weir__late_misuse_keep(&corrupt);
    weir__late_misuse_keep(&copy);
    weir__late_misuse_keep(&corrupt);
    weir__late_misuse_keep(&copy);
    for (int i = 0; i < 3; i++)
        cr_assert(weir__late_misuse_take(&late));
    cr_assert_not(weir__late_misuse_take(&late));
}

static size_t taken_bytes, taken_count; /* atomic */

static void take_all(void)
{
    struct weir__late_misuse late;
    while (weir__late_misuse_take(&late)) {
        size_t i = (size_t)((const char *)late.block - blocks);
        cr_assert(i < THREADS * EACH && late.owner == &taken);
        cr_assert(late.more || late.requested == i, "torn");
        __atomic_fetch_add(&taken[i], 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&taken_bytes, late.requested, __ATOMIC_RELAXED);
        __atomic_fetch_add(&taken_count, 1 + late.more, __ATOMIC_RELAXED);
    }
}

static void *thread_notes(void *argument)
{
    size_t first = (size_t)(uintptr_t)argument * EACH;
    for (size_t i = first; i < first + EACH; i++) {
        struct weir__late_misuse late = twice(i);
        weir__late_misuse_keep(&late);
        if (i % 3 == 0)
            take_all();
    }
    return NULL;
}

Test(late_misuse, threads_take_each_once)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thread_notes, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    take_all();
    for (size_t i = 0; i < THREADS * EACH; i++)
        cr_assert_leq(taken[i], 1, "%zu was taken twice", i);
    cr_assert_eq(taken_count + weir__late_misuses_lost(), THREADS * EACH);
    if (!weir__late_misuses_lost())
        cr_assert_eq(taken_bytes, (size_t)THREADS * EACH * (THREADS * EACH - 1) / 2);
}
