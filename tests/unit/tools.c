/*
 * tests/unit/tools.c - what the commands are made with: numbers and their limits, UTF-8, JSON that
 * stays well-formed, quartiles, texts with units, lines of a file.
 */
#include "tools/common/file.h"
#include "tools/common/json.h"
#include "tools/common/memory.h"
#include "tools/common/number.h"
#include "tools/common/statistics.h"
#include "tools/common/text.h"

#include "../helpers/scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(tools, numbers_are_whole_or_none)
{
    static const char *const bad[] = {"",   "-1",  "+1",  " 1",
                                      "1 ", "1.0", "0x1", "18446744073709551616"};
    uint64_t n = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(number_count(bad[i], 0, UINT64_MAX, &n), "\"%s\"", bad[i]);
    cr_expect_not(number_count(NULL, 0, 9, &n));
    cr_expect_not(number_count("3", 4, 9, &n));
    cr_expect_not(number_count("10", 4, 9, &n));
    cr_expect_eq(n, 7, "a number that is none changed it");
    cr_expect(number_count("18446744073709551615", 0, UINT64_MAX, &n) && n == UINT64_MAX);
    cr_expect(number_count("9", 4, 9, &n) && n == 9);
}

Test(tools, sizes_have_units_of_1024)
{
    static const char *const bad[] = {"", "K", "1KK", "1KiB", "12Q", "9007199254740992T", "-1K"};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(number_size(bad[i], &n), "\"%s\"", bad[i]);
    cr_expect(number_size("512", &n) && n == 512);
    cr_expect(number_size("3k", &n) && n == 3072);
    cr_expect(number_size("2M", &n) && n == 2u << 20);
    cr_expect(number_size("1G", &n) && n == 1u << 30);
    cr_expect(number_size("8388607T", &n) && n == UINT64_C(8388607) << 40);
    cr_expect_str_eq(text_size(1536), "1.5 KiB");
    cr_expect_str_eq(text_size(64 << 20), "64 MiB");
    cr_expect_str_eq(text_bytes(1), "1 byte");
    cr_expect_str_eq(text_bytes(1 << 20), "1.0 MiB (1,048,576 bytes)");
}

Test(tools, distance_is_the_fewest_changes)
{
    cr_expect_eq(text_distance("plan", "plan"), 0);
    cr_expect_eq(text_distance("", "run"), 3);
    cr_expect_eq(text_distance("run", ""), 3);
    cr_expect_eq(text_distance("stat", "stats"), 1);
    cr_expect_eq(text_distance("bnech", "bench"), 2);
    cr_expect_eq(text_distance("kitten", "sitting"), 3);
    cr_expect_eq(text_distance("sitting", "kitten"), 3);
    cr_expect_eq(text_distance("a word of thirty-two characters.", "run"), SIZE_MAX);
}

Test(tools, utf8_is_well_formed_or_none)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {{"a", 1},
                 {"\xc3\xa4", 2},
                 {"\xe2\x82\xac", 3},
                 {"\xf0\x9f\x98\x80", 4},
                 {"\x80", 0},
                 {"\xc0\xaf", 0},         /* too long for what it says */
                 {"\xe0\x9f\x80", 0},     /* likewise */
                 {"\xed\xa0\x80", 0},     /* a surrogate */
                 {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
                 {"\xe2\x82", 0},         /* cut off */
                 {"\xf0\x9f\x98", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(text_utf8(cases[i].text), cases[i].length, "case %zu", i);
}

Test(tools, json_is_well_formed)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    struct json j = JSON_TO(to);
    json_object(&j, NULL);
    json_text(&j, "t\xff", "a\"\\\n\x7f\xc3\xa4\xed\xa0\x80");
    json_array(&j, "list");
    json_real(&j, NULL, 0.5);
    json_real(&j, NULL, NAN);
    json_signed(&j, NULL, -3);
    json_object(&j, NULL);
    json_end(&j);
    json_end(&j);
    json_bool(&j, "b", true);
    json_text(&j, "none", NULL);
    json_count(&j, "most", UINT64_MAX);
    json_end(&j);
    fclose(to);
    cr_expect_str_eq(text, "{\"t\xef\xbf\xbd\":\"a\\\"\\\\\\u000a\\u007f\xc3\xa4"
                           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"list\":[0.5,null,-3,{}],"
                           "\"b\":true,\"none\":null,\"most\":18446744073709551615}\n");
    free(text);
}

Test(tools, quartiles_lie_on_straight_lines)
{
    double values[] = {4, 1, 3, 2}, one[] = {5};
    cr_expect_eq(statistics_median(values, 4), 2.5);
    cr_expect_eq(statistics_quantile(values, 4, 0), 1);
    cr_expect_eq(statistics_quantile(values, 4, 1), 4);
    cr_expect_eq(statistics_quantile(values, 4, 0.25), 1.75);
    cr_expect_float_eq(statistics_spread(values, 4), 1.5 / 2.5, 1e-12);
    cr_expect(isnan(statistics_spread(one, 1)) && isnan(statistics_median(one, 0)));
    double mixed[] = {2, 8, -1, NAN};
    cr_expect_float_eq(statistics_geomean(mixed, 4), 4, 1e-12);
}

Test(tools, lists_grow_and_keep)
{
    int *list = NULL;
    for (int i = 0; i < 1000; i++) {
        list = memory_grow(list, (size_t)i, sizeof *list);
        list[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(list[i], i);
    free(list);
}

Test(tools, a_file_ends_at_a_nul_and_lines_at_its_end)
{
    static const char bytes[] = "one\n\nthree\0four\n";
    char path[SCRATCH_PATH_MAX];
    struct file_text file;
    size_t n;
    scratch_path(path, "file");
    FILE *to = fopen(path, "we");
    cr_assert(to && fwrite(bytes, 1, sizeof bytes - 1, to) == sizeof bytes - 1 && fclose(to) == 0);
    cr_assert_eq(file_read(path, &file), 0);
    cr_expect_eq(file.length, 11);
    cr_expect_null(file.damage);
    char *at = file.text, *end = at + file.length;
    cr_expect_str_eq(file_line(&at, end, &n), "one");
    cr_expect_str_eq(file_line(&at, end, &n), "");
    cr_expect_str_eq(file_line(&at, end, &n), "three");
    cr_expect_eq(n, 6, "the NUL is counted");
    cr_expect_null(file_line(&at, end, &n));
    free(file.text);
    unlink(path);
    cr_expect_eq(file_read(path, &file), ENOENT);
    cr_expect_eq(file_read("/", &file), EISDIR);
}
