/* What WEIR_LIMIT and WEIR_BACKGROUND may say: each text that is one takes effect to the byte, each
 * other is told in one line and changes nothing. */
#include "observe/environment.h"
#include "../helpers/suite.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static char heard[1024];
static unsigned nheard;

static void hear(const char *line, size_t length, void *user)
{
    (void)user;
    snprintf(heard, sizeof heard, "%.*s", (int)length, line);
    nheard++;
}

static void listen_first(void)
{
    cr_assert_eq(weir_set_message_sink(hear, NULL), 0);
}

static void end(void)
{
    unsetenv("WEIR_LIMIT");
    unsetenv("WEIR_BACKGROUND");
    weir_background_stop();
    cr_assert_eq(weir_set_limit(weir_cpu_allocator(), 0), 0);
    cr_assert_eq(weir_set_message_sink(NULL, NULL), 0);
}

TestSuite(environment, .init = listen_first, .fini = end);

static size_t limit_of(const char *text)
{
    cr_assert_eq(weir_set_limit(weir_cpu_allocator(), 0), 0);
    setenv("WEIR_LIMIT", text, 1);
    nheard = 0;
    weir__environment_limit();
    weir_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_stats_get(weir_cpu_allocator(), &stats), 0);
    return stats.limit;
}

Test(environment, sizes_are_taken_to_the_byte)
{
    static const struct {
        const char *text;
        unsigned long long bytes;
    } sizes[] = {{"1", 1},           {"1048577", 1048577}, {"3k", 3 << 10},
                 {"3K", 3 << 10},    {"512M", 512u << 20}, {"7g", 7ull << 30},
                 {"2T", 2ull << 40}, {"00010", 10},        {"1048575T", 1048575ull << 40}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_expect_eq(limit_of(sizes[i].text), sizes[i].bytes, "%s", sizes[i].text);
        cr_expect_eq(nheard, 0, "%s: %s", sizes[i].text, heard);
    }
}

Test(environment, what_is_no_size_is_told)
{
    static const char *const texts[] = {"0",
                                        "0K",
                                        "x",
                                        "K",
                                        "-5",
                                        " -5",
                                        "5MM",
                                        "5Mx",
                                        "5M ",
                                        "1.5G",
                                        "5 M",
                                        "0x10",
                                        "5X",
                                        "9a",
                                        "5\n",
                                        " ",
                                        "8388608T",
                                        "9223372036854775808",
                                        "18446744073709551616",
                                        "99999999999999999999K"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_expect_eq(limit_of(texts[i]), 0, "%s", texts[i]);
        cr_expect_eq(nheard, 1, "%s", texts[i]);
        cr_expect_not_null(strstr(heard, "WEIR_LIMIT is not a size"), "%s: %s", texts[i], heard);
        cr_expect_not_null(strstr(heard, texts[i]), "%s", heard);
    }
    cr_expect_eq(limit_of(""), 0);
    cr_expect_eq(nheard, 0);
}

Test(environment, a_limit_below_what_is_live_changes_nothing)
{
    void *block = weir_allocate(weir_cpu_allocator(), 100000);
    cr_assert_not_null(block);
    cr_expect_eq(limit_of("99999"), 0);
    cr_expect_eq(nheard, 1);
    cr_expect_not_null(strstr(heard, "less than what the program has"), "%s", heard);
    cr_expect_eq(limit_of("100000"), 100000);
    weir_deallocate(weir_cpu_allocator(), block);
}

Test(environment, percentages_are_whole_from_1_to_100)
{
    size_t whole = limit_of("100%"), one = limit_of("1%");
    cr_assert_gt(whole, 100);
    cr_expect_lt(one, whole / 100 + whole / 1000);
    cr_expect_gt(one, whole / 100 - whole / 1000);
    static const char *const texts[] = {"0%",  "101%", "1000%", "12.5%",
                                        "%",   "9%0",  "-1%",   " 5%",
                                        "5 %", "5%%",  "a5%",   "100000000000000000001%"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_expect_eq(limit_of(texts[i]), 0, "%s", texts[i]);
        cr_expect_eq(nheard, 1, "%s", texts[i]);
        cr_expect_not_null(strstr(heard, "not a percentage"), "%s: %s", texts[i], heard);
    }
}

static unsigned threads_count(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert_not_null(tasks);
    for (const struct dirent *each; (each = readdir(tasks));)
        count += each->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static void *sleeper_run(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* ThreadSanitizer starts a thread of its own with the first of the process. */
static void first_thread(void)
{
    pthread_t sleeper;
    cr_assert_eq(pthread_create(&sleeper, NULL, sleeper_run, NULL), 0);
}

Test(environment, a_period_is_a_number_of_milliseconds)
{
    static const char *const texts[] = {"soon", "0",    "-5",         "10 ", " 10",
                                        "1e3",  "0x10", "9999999999", "1.5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        setenv("WEIR_BACKGROUND", texts[i], 1);
        nheard = 0;
        weir__environment_background();
        cr_expect_eq(nheard, 1, "%s", texts[i]);
        cr_expect_not_null(strstr(heard, "WEIR_BACKGROUND is no number"), "%s: %s", texts[i],
                           heard);
    }
    nheard = 0;
    first_thread();
    unsigned before = threads_count();
    setenv("WEIR_BACKGROUND", "100000", 1);
    weir__environment_background();
    cr_expect_eq(nheard, 0, "%s", heard);
    cr_expect_eq(threads_count(), before + 1);
}
