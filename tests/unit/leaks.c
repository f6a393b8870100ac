/*
 * Leaks and profiles where memory is short: each request that a listing makes fails in turn; the
 * sums are exact all the same, and what is not listed is said. And who allocated what was left
 * behind.
 */
#include "../helpers/suite.h"
#include "base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { BLOCKS = 200, SIZE = 1000, REQUESTS = 40 };

static weir_allocator *a;
static uint64_t checkpoint;
static void *block[BLOCKS];

static void leak(void)
{
    a = weir_allocator_create(&(weir_allocator_options){.name = "left"});
    checkpoint = weir_checkpoint(a);
    for (int i = 0; i < BLOCKS; i++)
        cr_assert_not_null(block[i] = weir_allocate(a, SIZE + i % 100));
}

static void leak_end(void)
{
    weir__fault_after(-1);
    weir__fault_persistent(false);
    weir_profile_sample(0);
    for (int i = 0; i < BLOCKS; i++)
        weir_deallocate(a, block[i]);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

TestSuite(short_of_memory, .init = leak, .fini = leak_end);

static size_t bytes_of_all(void)
{
    size_t bytes = 0;
    for (int i = 0; i < BLOCKS; i++)
        bytes += SIZE + (size_t)i % 100;
    return bytes;
}

static bool count(const weir_leak *leaked, void *user)
{
    size_t *n = user;
    cr_expect_str_eq(leaked->allocator_name, "left");
    ++*n;
    return false;
}

Test(short_of_memory, a_listing_is_whole_or_none)
{
    int error = ENOMEM;
    long n = 0;
    for (; error && n < REQUESTS; n++) {
        size_t visited = 0;
        weir__fault_after(n);
        error = weir_leaks_walk(a, checkpoint, count, &visited);
        weir__fault_after(-1);
        cr_expect(error == 0 || error == ENOMEM, "request %ld: %d", n, error);
        cr_expect_eq(visited, error ? 0 : BLOCKS, "request %ld", n);
    }
    cr_expect_eq(error, 0);
    cr_expect_gt(n, 1, "it asked for nothing");
}

/* What the call prints, its request `n` for memory refused; n < 0: none. */
static char *printed(int print(FILE *to), long n, int *error)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    cr_assert_not_null(to);
    weir__fault_after(n);
    *error = print(to);
    weir__fault_after(-1);
    cr_assert_eq(fclose(to), 0);
    return text;
}

static int leaks_print(FILE *to)
{
    return weir_leaks_print(to, a, checkpoint);
}

Test(short_of_memory, a_print_has_the_exact_sums_and_says_what_is_missing)
{
    char sums[100];
    bool unlisted = false, unsummed = false;
    snprintf(sums, sizeof sums, "leaked: %d blocks, %zu bytes\n", BLOCKS, bytes_of_all());
    int error;
    char *whole = printed(leaks_print, -1, &error);
    for (long n = 0; n < REQUESTS; n++) {
        char *text = printed(leaks_print, n, &error);
        cr_expect_eq(error, 0);
        cr_expect_eq(strncmp(text, sums, strlen(sums)), 0, "request %ld: %s", n, text);
        cr_expect_not_null(strstr(text, "cached for re-use"), "request %ld: %s", n, text);
        bool list = strstr(text, "that there was no memory to list\n");
        bool sum = strstr(text, "there was no memory to add them up\n");
        cr_expect(list || sum || strcmp(text, whole) == 0, "request %ld: %s", n, text);
        unlisted |= list;
        unsummed |= sum;
        free(text);
    }
    cr_expect(unlisted && unsummed);
    free(whole);
}

Test(short_of_memory, what_is_missing_from_a_call_is_refused)
{
    cr_expect_eq(weir_leaks_walk(a, checkpoint, NULL, NULL), EINVAL);
    cr_expect_eq(weir_leaks_print(NULL, a, checkpoint), EINVAL);
    cr_expect_eq(weir_leaks_print_top(NULL, a, checkpoint, 3), EINVAL);
    cr_expect_not_null(strstr(weir_last_error(), "no file"), "%s", weir_last_error());
}

/* -- who allocated it ---------------------------------------------------------------------------
 */

Test(short_of_memory, those_that_are_sampled_are_told_by_their_calls)
{
    int error;
    void *more[40];
    cr_assert_eq(weir_profile_sample(1), 0);
    more[0] = weir_allocate(a, 5000);
    char *text = printed(leaks_print, -1, &error);
    cr_expect_not_null(strstr(text, "\nallocated by, as estimated from 1 sampled block:\n"), "%s",
                       text);
    free(text);
    for (int i = 1; i < 40; i++)
        more[i] = weir_allocate(a, 5000);
    text = printed(leaks_print, -1, &error);
    cr_expect_not_null(strstr(text, "\nallocated by, as estimated from 40 sampled blocks:\n"), "%s",
                       text);
    free(text);
    for (int i = 0; i < 40; i++)
        weir_deallocate(a, more[i]);
    text = printed(leaks_print, -1, &error);
    cr_expect_null(strstr(text, "allocated by"), "%s", text);
    free(text);
}

/* -- profiles -----------------------------------------------------------------------------------
 */

static weir_profile_stats profile(void)
{
    weir_profile_stats stats = WEIR_PROFILE_STATS_INIT;
    cr_assert_eq(weir_profile_stats_get(&stats), 0);
    return stats;
}

/* A block that is to be sampled and for which there is no memory is a block all the same. */
Test(short_of_memory, what_cannot_be_kept_of_a_profile_is_counted)
{
    size_t missed = 0;
    for (long n = 0; n < REQUESTS; n++) {
        cr_assert_eq(weir_profile_sample(1), 0);
        size_t before = weir_total_allocated(a), refused = 0;
        weir__fault_persistent(true);
        weir__fault_after(n);
        void *sampled = weir_allocate(a, 100);
        refused = !sampled;
        void *grown = sampled ? weir_reallocate(a, sampled, 100000) : NULL;
        weir__fault_after(-1);
        weir__fault_persistent(false);
        size_t size = grown ? 100000 : sampled ? 100 : 0;
        cr_expect_eq(weir_total_allocated(a), before + size, "request %ld", n);
        weir_profile_stats stats = profile();
        cr_expect_leq(stats.samples + stats.missed + refused, 2, "request %ld", n);
        cr_expect_leq(stats.samples, 1, "request %ld", n);
        missed += stats.missed;
        weir_deallocate(a, grown ? grown : sampled);
        cr_expect_eq(profile().samples, 0, "request %ld", n);
        cr_expect_eq(weir_total_allocated(a), before, "request %ld", n);
    }
    cr_expect_gt(missed, 0, "nothing was ever missed");
}

static bool sites_count(const weir_profile_site *site, void *user)
{
    size_t *samples = user;
    *samples += site->samples;
    return false;
}

static int profile_print(FILE *to)
{
    return weir_profile_print(to, 0);
}

Test(short_of_memory, a_profile_is_listed_whole_or_not_at_all)
{
    cr_assert_eq(weir_profile_sample(1), 0);
    void *sampled[100];
    for (int i = 0; i < 100; i++)
        sampled[i] = weir_allocate(a, SIZE + (size_t)i); /* sampled but once in e^1000 */
    int error = ENOMEM;
    char *whole = printed(profile_print, -1, &error);
    unsigned failed = 0;
    cr_assert_eq(error, 0);
    for (long n = 0; n < REQUESTS; n++) {
        size_t samples = 0;
        weir__fault_after(n);
        error = weir_profile_walk(sites_count, &samples);
        weir__fault_after(-1);
        cr_expect(error == 0 || error == ENOMEM);
        cr_expect_eq(samples, error ? 0 : 100, "request %ld", n);
        failed += error != 0;
        char *text = printed(profile_print, n, &error);
        cr_expect(error == 0 || error == ENOMEM);
        cr_expect_str_eq(text, error ? "" : whole, "request %ld", n);
        free(text);
        weir_profile_stats stats = WEIR_PROFILE_STATS_INIT;
        weir__fault_after(n);
        error = weir_profile_stats_get(&stats);
        weir__fault_after(-1);
        cr_expect(error == ENOMEM || stats.samples == 100, "request %ld", n);
    }
    cr_expect_gt(failed, 0);
    cr_expect_lt(failed, REQUESTS);
    free(whole);
    for (int i = 0; i < 100; i++)
        weir_deallocate(a, sampled[i]);
}
