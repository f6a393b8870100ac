/*
 * Canaries and zeros of a place in memory of the test: for each size and each byte that is written,
 * what is found is what a plain look at the bytes finds.
 */
#include "pool/canary.h"
#include "../helpers/suite.h"

enum { STRIDE_MOST = 4096 };

static char place[STRIDE_MOST] __attribute__((aligned(64)));

static const size_t strides[] = {32, 48, 64, 256, 272, 512, 1024, 4096};
enum { STRIDES = sizeof strides / sizeof *strides };

Test(canary, bytes_behind_a_block_are_found_where_they_are_written)
{
    weir__canary_begin();
    for (int i = 0; i < STRIDES; i++) {
        size_t stride = strides[i];
        for (size_t size = 0; size + WEIR__CANARY <= stride; size += size < 40 ? 1 : 37) {
            memset(place, 0, sizeof place);
            weir__canary_write(place, size, stride);
            cr_assert(weir__canary_holds(place, size, stride));
            cr_assert_eq(weir__canary_overwritten(place, size, stride), SIZE_MAX);
            for (size_t at = size; at < stride; at++) {
                bool guarded = at < size + WEIR__CANARY || at >= stride - WEIR__CANARY;
                place[at] ^= 1;
                cr_assert_eq(weir__canary_holds(place, size, stride), !guarded, "%zu of %zu: %zu",
                             size, stride, at);
                cr_assert_eq(weir__canary_overwritten(place, size, stride),
                             guarded ? at - size : SIZE_MAX, "%zu of %zu: %zu", size, stride, at);
                place[at] ^= 1;
            }
        }
    }
}

Test(canary, a_block_that_ends_is_zero_up_to_its_tail)
{
    for (int i = 0; i < STRIDES; i++) {
        size_t stride = strides[i];
        for (size_t size = 0; size + WEIR__CANARY <= stride; size += size < 40 ? 1 : 37) {
            memset(place, 0, sizeof place);
            weir__canary_write(place, size, stride);
            memset(place, 0xee, size);
            weir__canary_clear(place, size, stride);
            for (size_t at = 0; at < stride - WEIR__CANARY; at++)
                cr_assert_eq(place[at], 0, "%zu of %zu: byte %zu", size, stride, at);
            cr_assert_eq(*weir__canary_tail(place, stride), weir__canary_word(place));
            cr_assert_eq(weir__canary_written(place, stride, STRIDE_MOST), SIZE_MAX);
        }
    }
}

/* Of long ones only both ends are looked at. */
Test(canary, a_byte_of_a_free_place_is_found_where_it_is_looked_for)
{
    static const size_t most[] = {16, 64, 100, 256, STRIDE_MOST};
    for (int i = 0; i < STRIDES; i++)
        for (size_t k = 0; k < sizeof most / sizeof *most; k++) {
            size_t end = strides[i] - WEIR__CANARY, part = most[k] / 2 / 8 * 8;
            memset(place, 0, sizeof place);
            memset(place + end, 0x55, WEIR__CANARY);
            for (size_t at = 0; at < end; at++) {
                bool seen = end <= most[k] || at < part || at >= end - part;
                place[at] = (char)0x80;
                cr_assert_eq(weir__canary_written(place, strides[i], most[k]), seen ? at : SIZE_MAX,
                             "stride %zu, at most %zu: byte %zu", strides[i], most[k], at);
                if (strides[i] <= WEIR__CANARY_SHORT)
                    cr_assert_not(weir__canary_is_zero_short(place, strides[i]));
                cr_assert_not(weir__canary_is_zero(place, at + 1));
                cr_assert(at == 0 || weir__canary_is_zero(place, at));
                place[at] = 0;
            }
            cr_assert_eq(weir__canary_written(place, strides[i], most[k]), SIZE_MAX);
        }
}
