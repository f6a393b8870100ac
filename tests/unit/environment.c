/* What weir's variables may say: each text that is one takes effect to the byte, each other is told
 * in one line and changes nothing. */
#include "observe/environment.h"
#include "../helpers/scratch.h"
#include "../helpers/suite.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static char heard[1024];
static unsigned nheard;
static char path[SCRATCH_PATH_MAX];

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
    static const char *const names[] = {"WEIR_LIMIT",  "WEIR_BACKGROUND", "WEIR_SAMPLE",
                                        "WEIR_GUARDS", "WEIR_RECORD",     "WEIR_RECORD_TAKEN",
                                        "WEIR_STACKS", "WEIR_REPORT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
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

/* No address range is large enough for its stack. */
Test(environment, a_thread_that_cannot_be_made_is_told)
{
    pthread_attr_t attributes, before;
    cr_assert_eq(pthread_getattr_default_np(&before), 0);
    cr_assert_eq(pthread_getattr_default_np(&attributes), 0);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, (size_t)1 << 52), 0);
    cr_assert_eq(pthread_setattr_default_np(&attributes), 0);
    setenv("WEIR_BACKGROUND", "100000", 1);
    nheard = 0;
    weir__environment_background();
    cr_expect_eq(nheard, 1);
    cr_expect_not_null(strstr(heard, "no thread for WEIR_BACKGROUND: \"100000\": "), "%s", heard);
    cr_assert_eq(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&attributes);
    pthread_attr_destroy(&before);
}

Test(environment, a_percentage_below_what_is_live_changes_nothing)
{
    size_t one = limit_of("1%");
    cr_assert_gt(one, 0);
    cr_assert_eq(weir_set_limit(weir_cpu_allocator(), 0), 0);
    void *block = weir_allocate(weir_cpu_allocator(), one + 1);
    cr_assert_not_null(block);
    cr_expect_eq(limit_of("1%"), 0);
    cr_expect_eq(nheard, 1);
    cr_expect_not_null(strstr(heard, "WEIR_LIMIT cannot be set: \"1%\": "), "%s", heard);
    weir_deallocate(weir_cpu_allocator(), block);
}

Test(environment, an_empty_text_says_nothing)
{
    static const struct {
        const char *name;
        void (*read)(void);
    } variables[] = {{"WEIR_LIMIT", weir__environment_limit},
                     {"WEIR_BACKGROUND", weir__environment_background},
                     {"WEIR_SAMPLE", weir__environment_sample}};
    nheard = 0;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        setenv(variables[i].name, "", 1);
        variables[i].read();
    }
    setenv("WEIR_GUARDS", "", 1);
    weir__environment_guards(false);
    setenv("WEIR_RECORD", "", 1);
    cr_expect_not(weir__environment_record());
    setenv("WEIR_REPORT", "", 1);
    weir__environment_report(true);
    cr_expect_eq(nheard, 0, "%s", heard);
}

/* -- the profile ----------------------------------------------------------------------------- */

Test(environment, a_mean_is_a_size)
{
    static const char *const texts[] = {"0", "often", "1.5K", "-1"};
    nheard = 0;
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        setenv("WEIR_SAMPLE", texts[i], 1);
        weir__environment_sample();
        cr_expect_eq(nheard, i + 1, "%s", texts[i]);
        cr_expect_not_null(strstr(heard, "WEIR_SAMPLE is not a size"), "%s", heard);
    }
    cr_expect_eq(weir_profile_sample(0), 0);
}

static unsigned ntop;

static void hear_all(const char *line, size_t length, void *user)
{
    (void)user;
    heard[0] = 0;
    snprintf(heard, sizeof heard, "%.*s", (int)length, line);
    nheard++;
    ntop += strstr(heard, "sampled") || strstr(heard, "estimated");
}

Test(environment, a_report_has_the_figures_and_who_holds_what_is_sampled)
{
    cr_assert_eq(weir_set_message_sink(hear_all, NULL), 0);
    setenv("WEIR_SAMPLE", "1", 1);
    weir__environment_sample();
    void *block = weir_allocate(weir_cpu_allocator(), 1000000);
    setenv("WEIR_REPORT", "-", 1);
    nheard = ntop = 0;
    weir__environment_report(true);
    cr_expect_gt(nheard, 1);
    cr_expect_gt(ntop, 0);
    nheard = 0;
    weir__environment_report(false);
    cr_expect_eq(nheard, 1);
    cr_expect_not_null(strstr(heard, "has a malloc of its own"), "%s", heard);
    weir_deallocate(weir_cpu_allocator(), block);
    cr_expect_eq(weir_profile_sample(0), 0);
}

/* Lines of the file, each of which must have `text`; 0: there is none. */
static unsigned lines_with(const char *text)
{
    char line[1024];
    unsigned lines = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        cr_expect_not_null(strstr(line, text), "%s", line);
        lines++;
    }
    if (file)
        fclose(file);
    return lines;
}

Test(environment, a_report_is_added_to_a_file)
{
    scratch_path(path, "environment.report");
    setenv("WEIR_REPORT", path, 1);
    for (unsigned times = 1; times <= 3; times++) {
        weir__environment_report(true);
        cr_expect_eq(lines_with(": peak "), times);
    }
    cr_expect_eq(unlink(path), 0);
    nheard = 0;
    setenv("WEIR_REPORT", "/proc/self/no/such/folder", 1);
    weir__environment_report(true);
    cr_expect_eq(nheard, 0, "%s", heard);
}

/* -- guarded blocks --------------------------------------------------------------------------- */

Test(environment, rates_are_numbers_of_calls)
{
    static const char *const none[] = {"often",      "-1",          "5000,",
                                       "1,x",        "tensors:",    "tensors:x",
                                       "tensors:5 ", "5x",          "1234567890123456789",
                                       ",5",         "5000,tensors"};
    nheard = 0;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        setenv("WEIR_GUARDS", none[i], 1);
        weir__environment_guards(false);
        wrong += strcmp(none[i], "5000,") != 0;
        cr_expect_eq(nheard, wrong, "%s: %s", none[i], heard);
        cr_expect_not_null(strstr(heard, "WEIR_GUARDS is no number of calls"), "%s", heard);
    }
    setenv("WEIR_GUARDS", "0", 1);
    weir__environment_guards(true);
    cr_expect_eq(nheard, wrong, "%s", heard);
}

/* -- the recording ---------------------------------------------------------------------------- */

static void recording_end(const char *name)
{
    cr_expect_eq(weir_trace_stop(), 0);
    cr_expect_eq(unlink(name), 0, "%s: %s", name, strerror(errno));
}

Test(environment, a_name_that_is_taken_gets_the_process_behind_it)
{
    char second[SCRATCH_PATH_MAX + 32], third[SCRATCH_PATH_MAX + 32];
    scratch_path(path, "environment.trace");
    snprintf(second, sizeof second, "%s.%d", path, (int)getpid());
    snprintf(third, sizeof third, "%s.%d.2", path, (int)getpid());
    setenv("WEIR_RECORD", path, 1);
    nheard = 0;
    cr_assert(weir__environment_record());
    cr_expect_eq(weir_trace_stop(), 0);
    cr_assert(weir__environment_record());
    cr_expect_eq(weir_trace_stop(), 0);
    cr_assert(weir__environment_record());
    recording_end(third);
    cr_expect_eq(unlink(second), 0);
    cr_expect_eq(unlink(path), 0);
    cr_expect_eq(nheard, 0, "%s", heard);
}

Test(environment, what_cannot_be_recorded_to_is_told)
{
    nheard = 0;
    setenv("WEIR_RECORD", "/proc/self/no/such/folder", 1);
    cr_expect_not(weir__environment_record());
    cr_expect_eq(nheard, 1);
    cr_expect_not_null(strstr(heard, "cannot record to"), "%s", heard);
    /* A second one has another name, and that is too long. */
    memset(path, 'a', sizeof path - 2);
    path[sizeof path - 2] = 0;
    setenv("WEIR_RECORD", path, 1);
    cr_expect_not(weir__environment_record());
    cr_expect_eq(nheard, 2);
}

Test(environment, stacks_are_a_size_or_none)
{
    static const struct {
        const char *text;
        unsigned told;
    } texts[] = {{"", 0}, {"0", 0}, {"no", 0}, {"4K", 0}, {"some", 1}, {"-5", 1}};
    scratch_path(path, "environment.trace");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        unsetenv("WEIR_RECORD_TAKEN");
        setenv("WEIR_RECORD", path, 1);
        setenv("WEIR_STACKS", texts[i].text, 1);
        nheard = 0;
        cr_assert(weir__environment_record());
        cr_expect_eq(nheard, texts[i].told, "%s: %s", texts[i].text, heard);
        recording_end(path);
    }
}
