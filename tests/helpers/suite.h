/*
 * tests/helpers/suite.h - the one header of tests/unit, tests/api and tests/device that says which
 * harness they run in. configure chooses: Criterion in the ordinary build, tests/helpers/harness.h
 * where Criterion cannot go (under ThreadSanitizer, on another machine) or is not there. Both have
 * the same words: Test, TestSuite, cr_assert..., cr_expect..., cr_skip; those of harness.h are all
 * that a test may use.
 */
#ifndef WEIR_TESTS_SUITE_H
#define WEIR_TESTS_SUITE_H

#ifdef WEIR_CRITERION

#include <criterion/criterion.h>

/* For a program with a main of its own. */
static inline int suite_main(int argc, char **argv)
{
    struct criterion_test_set *tests = criterion_initialize();
    int result = 0;
    if (criterion_handle_args(argc, argv, true))
        result = !criterion_run_all_tests(tests);
    criterion_finalize(tests);
    return result;
}

#else

#include "harness.h"

#endif

#include <stdlib.h>
#include <string.h>

/* What a tool cannot do is no fault of weir's: the case is skipped under it, and says why. */
#ifdef __SANITIZE_THREAD__
#define SKIP_UNDER_TSAN(why) cr_skip("ThreadSanitizer: " why)
#else
#define SKIP_UNDER_TSAN(why) ((void)0)
#endif

#ifdef __SANITIZE_ADDRESS__
#define SKIP_UNDER_ASAN(why) cr_skip("AddressSanitizer: " why)
#else
#define SKIP_UNDER_ASAN(why) ((void)0)
#endif

#define SKIP_UNDER_EMULATOR(why)                                                                   \
    do {                                                                                           \
        const char *suite_runner = getenv("WEIR_RUNNER");                                          \
        if (suite_runner && strstr(suite_runner, "qemu"))                                          \
            cr_skip("qemu: " why);                                                                 \
    } while (0)

/* A check of a structure says no while one field is wrong, and yes when it is as it was. */
#define EXPECT_FOUND(is_valid, field, wrong)                                                       \
    do {                                                                                           \
        __typeof__(field) was_ = (field);                                                          \
        (field) = (wrong);                                                                         \
        cr_expect_not(is_valid, #field);                                                           \
        (field) = was_;                                                                            \
        cr_expect(is_valid, #field);                                                               \
    } while (0)

#endif
