/* Tags: interned once, carried by blocks, kept by a thread. */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

#define TAGS_MOST 8191

Test(tags, a_name_is_interned_once)
{
    char name[] = "layer1/conv";
    weir_tag tag = weir_tag_intern(name);
    cr_assert_neq(tag, 0);
    cr_assert_eq(weir_tag_intern("layer1/conv"), tag);
    cr_assert_neq(weir_tag_intern("layer2/conv"), tag);
    name[0] = 'x';
    cr_assert_str_eq(weir_tag_name(tag), "layer1/conv");
}

Test(tags, no_name_is_no_tag)
{
    cr_assert_eq(weir_tag_intern(NULL), 0);
    cr_assert_eq(weir_tag_intern(""), 0);
    cr_assert_str_eq(weir_tag_name(0), "");
    cr_assert_str_eq(weir_tag_name(77), "");
    cr_assert_str_eq(weir_tag_name(UINT32_MAX), "");
}

Test(tags, blocks_of_every_kind_carry_the_tag_of_their_time)
{
    static const size_t sizes[] = {0, 10, 1000, 16384, 100000, 10000000};
    weir_allocator *raw =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_MALLOC});
    weir_tag one = weir_tag_intern("one"), two = weir_tag_intern("two");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        weir_allocator *each[] = {cpu(), raw};
        for (int k = 0; k < 2; k++) {
            cr_assert_eq(weir_tag_set(one), 0);
            void *a = weir_allocate(each[k], sizes[i]);
            cr_assert_eq(weir_tag_set(two), one);
            void *b = weir_allocate_zeroed(each[k], 1, sizes[i]);
            cr_assert_eq(weir_tag_set(0), two);
            void *c = weir_allocate(each[k], sizes[i]);
            cr_assert_eq(weir_block_tag(each[k], a), one, "%zu bytes", sizes[i]);
            cr_assert_eq(weir_block_tag(each[k], b), two, "%zu bytes", sizes[i]);
            cr_assert_eq(weir_block_tag(each[k], c), 0, "%zu bytes", sizes[i]);
            cr_assert_eq(weir_requested_size(each[k], a), sizes[i]);
        }
    }
    cr_assert_eq(weir_block_tag(cpu(), NULL), 0);
}

Test(tags, a_class_is_set_and_set_again)
{
    weir_tag one = weir_tag_intern("one"), two = weir_tag_intern("two");
    cr_assert_eq(weir_class_of_tag(one), WEIR_CLASS_NONE);
    for (int use = WEIR_CLASS_NONE; use <= WEIR_CLASS_OTHER; use++) {
        cr_assert_eq(weir_tag_class(one, (weir_class)use), 0);
        cr_assert_eq((int)weir_class_of_tag(one), use);
        cr_assert_eq(weir_class_of_tag(two), WEIR_CLASS_NONE);
    }
    cr_assert_eq(weir_tag_class(one, (weir_class)(WEIR_CLASS_OTHER + 1)), EINVAL);
    cr_assert_eq(weir_tag_class(0, WEIR_CLASS_KV), EINVAL);
    cr_assert_eq(weir_tag_class(two + 1, WEIR_CLASS_KV), EINVAL);
    cr_assert_eq(weir_tag_class(UINT32_MAX, WEIR_CLASS_KV), EINVAL);
    cr_assert_eq(weir_class_of_tag(one), WEIR_CLASS_OTHER);
    cr_assert_eq(weir_class_of_tag(0), WEIR_CLASS_NONE);
    cr_assert_eq(weir_class_of_tag(UINT32_MAX), WEIR_CLASS_NONE);
}

Test(tags, an_impossible_tag_is_not_set)
{
    weir_tag one = weir_tag_intern("one");
    weir_tag_set(one);
    cr_assert_eq(weir_tag_set(TAGS_MOST + 1), one);
    cr_assert_eq(weir_tag_set(0), one);
}

static void *own_tag(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)(weir_tag_set(weir_tag_intern("thread")) +
                               weir_block_tag(cpu(), weir_allocate(cpu(), 10)));
}

Test(tags, each_thread_has_its_own)
{
    pthread_t thread;
    void *sum;
    weir_tag mine = weir_tag_intern("mine"), theirs = weir_tag_intern("thread");
    weir_tag_set(mine);
    cr_assert_eq(pthread_create(&thread, NULL, own_tag, NULL), 0);
    pthread_join(thread, &sum);
    cr_assert_eq((uintptr_t)sum, theirs);
    cr_assert_eq(weir_block_tag(cpu(), weir_allocate(cpu(), 10)), mine);
}

/* The tag set before a thread first uses an allocator counts there too. */
Test(tags, hold_for_allocators_used_later)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocate(cpu(), 1);
    weir_tag tag = weir_tag_intern("early");
    weir_tag_set(tag);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(weir_block_tag(a, weir_allocate(a, 100)), tag);
    weir_tag_set(0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(weir_block_tag(a, weir_allocate(a, 100)), 0);
}

Test(tags, all_of_them_can_be_made_and_then_no_more)
{
    char name[32];
    for (unsigned i = 1; i <= TAGS_MOST; i++) {
        snprintf(name, sizeof name, "tag %u", i);
        cr_assert_eq(weir_tag_intern(name), i);
    }
    errno = 0;
    cr_assert_eq(weir_tag_intern("one too many"), 0);
    cr_assert_eq(errno, ENOSPC);
    cr_assert_str_eq(weir_tag_name(TAGS_MOST), "tag 8191");
    cr_assert_eq(weir_tag_intern("tag 77"), 77);
    weir_tag_set(TAGS_MOST);
    cr_assert_eq(weir_block_tag(cpu(), weir_allocate(cpu(), 16384)), TAGS_MOST);
}

static void *intern_all(void *tags)
{
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "name %d", i);
        ((weir_tag *)tags)[i] = weir_tag_intern(name);
    }
    return NULL;
}

Test(tags, threads_that_intern_the_same_agree)
{
    static weir_tag tags[4][1000];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, intern_all, tags[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        cr_assert_arr_eq(tags[i], tags[0], sizeof tags[0]);
}

Test(tags, reallocation_keeps_or_renews_the_tag)
{
    weir_tag one = weir_tag_intern("one");
    weir_tag_set(one);
    void *block = weir_allocate(cpu(), 100);
    weir_tag_set(0);
    block = weir_reallocate(cpu(), block, 110);
    cr_assert_eq(weir_block_tag(cpu(), block), one, "in place it is the same block");
}

/* -- scopes ---------------------------------------------------------------------------------- */

static weir_tag tag_now(void)
{
    void *block = weir_allocate(cpu(), 10);
    weir_tag tag = weir_block_tag(cpu(), block);
    weir_deallocate(cpu(), block);
    return tag;
}

static int leave_early(weir_tag tag, int how)
{
    WEIR_TAG_SCOPE(tag);
    for (int i = 0; i < 3; i++) {
        WEIR_TAG_SCOPE(weir_tag_intern("inner"));
        cr_assert_eq(tag_now(), weir_tag_intern("inner"));
        if (how == 1)
            return 1;
        if (how == 2)
            goto end;
        if (i == 1)
            break;
    }
end:
    cr_assert_eq(tag_now(), tag);
    return 0;
}

Test(tags, a_scope_ends_however_it_is_left)
{
    weir_tag outer = weir_tag_intern("outer"), other = weir_tag_intern("other");
    weir_tag_set(outer);
    for (int how = 0; how < 3; how++) {
        cr_assert_eq(leave_early(other, how), how == 1);
        cr_assert_eq(tag_now(), outer);
    }
    {
        WEIR_TAG_SCOPE(other);
        WEIR_TAG_SCOPE(0);
        cr_assert_eq(tag_now(), 0);
        weir_tag_set(77);
    }
    cr_assert_eq(weir_tag_set(0), outer);
}
