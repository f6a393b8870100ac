/*
 * tests/helpers/harness.h - a small harness that runs wherever fork does, with the words of
 * Criterion that this tree's tests use. Each case is a process of its own, forked from one that has
 * used neither weir nor a thread; it has a time limit, and what it leaves running is killed. A
 * failed comparison prints both values. The program speaks TAP:
 *
 *     program [--list] [--only PATTERN] [--here]
 *
 * PATTERN is a shell's, of "suite/name" (a part of it will do); --here forks nothing, for a
 * debugger.
 *
 * Threads: any thread and any child of a case may assert. What fails outside the case's first
 * thread ends the process on the spot.
 */
#ifndef WEIR_TESTS_HARNESS_H
#define WEIR_TESTS_HARNESS_H

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct suite_options {
    void (*init)(void); /* in the case's process, before it; a suite's first */
    void (*fini)(void); /* after it, also when it failed */
    int signal;         /* that is to kill it */
    int exit_code;      /* with which it is to call exit */
    double timeout;     /* seconds; 0: the harness's */
    bool nothing;       /* what an empty list sets */
};

/* A case, or (no body) what is said of a suite. Static; linked into a list before main. */
struct suite_case {
    const char *suite, *name;
    void (*body)(void);
    struct suite_options options;
    struct suite_case *next;
};

void suite_add(struct suite_case *it);

/* The harness: what main returns. main itself is there unless the program has its own. */
int suite_main(int argc, char **argv);

/* -- what a case says ----------------------------------------------------------------------- */

struct suite_place {
    const char *file;
    int line;
    bool fatal;
};

/* Counts a failure and prints it; of a fatal one it does not return. The format begins with a
 * space, so that it is never empty. */
__attribute__((format(printf, 3, 4))) void suite_failed(struct suite_place at, const char *what,
                                                        const char *format, ...);

/* The case ends here, neither passed nor failed. */
__attribute__((format(printf, 1, 2), noreturn)) void suite_skip(const char *format, ...);

__attribute__((format(printf, 1, 2))) void suite_log(const char *format, ...);

/* -- two values, as text --------------------------------------------------------------------- */

enum { SUITE_TEXT_MAX = 160 };
struct suite_text {
    char text[SUITE_TEXT_MAX];
};

struct suite_text suite_text_signed(long long value);
struct suite_text suite_text_unsigned(unsigned long long value);
struct suite_text suite_text_double(double value);
struct suite_text suite_text_pointer(const volatile void *value);

/* "what: A is 1, B is 2" */
struct suite_text suite_both(const char *a, struct suite_text left, const char *b,
                             struct suite_text right);

#define SUITE_TEXT(x)                                                                              \
    _Generic((x), _Bool                                                                            \
             : suite_text_unsigned, char                                                           \
             : suite_text_signed, signed char                                                      \
             : suite_text_signed, unsigned char                                                    \
             : suite_text_unsigned, short                                                          \
             : suite_text_signed, unsigned short                                                   \
             : suite_text_unsigned, int                                                            \
             : suite_text_signed, unsigned                                                         \
             : suite_text_unsigned, long                                                           \
             : suite_text_signed, unsigned long                                                    \
             : suite_text_unsigned, long long                                                      \
             : suite_text_signed, unsigned long long                                               \
             : suite_text_unsigned, float                                                          \
             : suite_text_double, double                                                           \
             : suite_text_double, default                                                          \
             : suite_text_pointer)(x)

/* -- the words of Criterion -------------------------------------------------------------------- */

#define SUITE_CASE(suite_, name_, symbol, body_, ...)                                              \
    static struct suite_case symbol##_case = {                                                     \
        .suite = suite_, .name = name_, .body = body_, .options = {.nothing = 0, __VA_ARGS__}};    \
    __attribute__((constructor)) static void symbol##_add(void)                                    \
    {                                                                                              \
        suite_add(&symbol##_case);                                                                 \
    }

#define Test(suite, name, ...)                                                                     \
    static void suite##_##name##_body(void);                                                       \
    SUITE_CASE(#suite, #name, suite##_##name, suite##_##name##_body, __VA_ARGS__)                  \
    static void suite##_##name##_body(void)

#define TestSuite(suite, ...) SUITE_CASE(#suite, NULL, suite##_options, NULL, __VA_ARGS__)

#define SUITE_HERE(fatal_) ((struct suite_place){__FILE__, __LINE__, fatal_})

#define SUITE_TRUE(fatal, holds, what, ...)                                                        \
    do {                                                                                           \
        if (!(holds))                                                                              \
            suite_failed(SUITE_HERE(fatal), what, " " __VA_ARGS__);                                \
    } while (0)

/* Each side is evaluated once. */
#define SUITE_COMPARE(fatal, a, relation, b, ...)                                                  \
    do {                                                                                           \
        __auto_type suite_a = (a);                                                                 \
        __auto_type suite_b = (b);                                                                 \
        if (!(suite_a relation suite_b)) {                                                         \
            struct suite_text suite_what =                                                         \
                suite_both(#a " " #relation, SUITE_TEXT(suite_a), #b, SUITE_TEXT(suite_b));        \
            suite_failed(SUITE_HERE(fatal), suite_what.text, " " __VA_ARGS__);                     \
        }                                                                                          \
    } while (0)

#define SUITE_STRINGS(fatal, a, relation, b, ...)                                                  \
    do {                                                                                           \
        const char *suite_a = (a), *suite_b = (b);                                                 \
        if (!(suite_a && suite_b && strcmp(suite_a, suite_b) relation 0))                          \
            suite_failed_strings(SUITE_HERE(fatal), #a " " #relation " " #b, suite_a, suite_b,     \
                                 " " __VA_ARGS__);                                                 \
    } while (0)
__attribute__((format(printf, 5, 6))) void suite_failed_strings(struct suite_place at,
                                                                const char *what, const char *a,
                                                                const char *b, const char *format,
                                                                ...);

/* The index of the first byte that differs, or `size`. */
size_t suite_difference(const void *a, const void *b, size_t size);

#define SUITE_BYTES(fatal, a, b, size, ...)                                                        \
    do {                                                                                           \
        size_t suite_size = (size), suite_at = suite_difference((a), (b), suite_size);             \
        if (suite_at != suite_size) {                                                              \
            struct suite_text suite_what =                                                         \
                suite_both("the first byte of " #a " that differs from " #b,                       \
                           suite_text_unsigned(suite_at), #size, suite_text_unsigned(suite_size)); \
            suite_failed(SUITE_HERE(fatal), suite_what.text, " " __VA_ARGS__);                     \
        }                                                                                          \
    } while (0)

#define SUITE_NEAR(fatal, a, b, epsilon, ...)                                                      \
    do {                                                                                           \
        double suite_a = (a), suite_b = (b);                                                       \
        if (!(fabs(suite_a - suite_b) <= (epsilon))) {                                             \
            struct suite_text suite_what =                                                         \
                suite_both(#a " ==", suite_text_double(suite_a), #b, suite_text_double(suite_b));  \
            suite_failed(SUITE_HERE(fatal), suite_what.text, " " __VA_ARGS__);                     \
        }                                                                                          \
    } while (0)

#define cr_assert(x, ...)                SUITE_TRUE(true, x, #x, __VA_ARGS__)
#define cr_expect(x, ...)                SUITE_TRUE(false, x, #x, __VA_ARGS__)
#define cr_assert_not(x, ...)            SUITE_TRUE(true, !(x), "not " #x, __VA_ARGS__)
#define cr_expect_not(x, ...)            SUITE_TRUE(false, !(x), "not " #x, __VA_ARGS__)
#define cr_assert_null(x, ...)           SUITE_TRUE(true, (x) == NULL, #x " is NULL", __VA_ARGS__)
#define cr_expect_null(x, ...)           SUITE_TRUE(false, (x) == NULL, #x " is NULL", __VA_ARGS__)
#define cr_assert_not_null(x, ...)       SUITE_TRUE(true, (x) != NULL, #x " is not NULL", __VA_ARGS__)
#define cr_expect_not_null(x, ...)       SUITE_TRUE(false, (x) != NULL, #x " is not NULL", __VA_ARGS__)
#define cr_assert_eq(a, b, ...)          SUITE_COMPARE(true, a, ==, b, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)          SUITE_COMPARE(false, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)         SUITE_COMPARE(true, a, !=, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)         SUITE_COMPARE(false, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)          SUITE_COMPARE(true, a, <, b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)          SUITE_COMPARE(false, a, <, b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)         SUITE_COMPARE(true, a, <=, b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)         SUITE_COMPARE(false, a, <=, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)          SUITE_COMPARE(true, a, >, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)          SUITE_COMPARE(false, a, >, b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)         SUITE_COMPARE(true, a, >=, b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)         SUITE_COMPARE(false, a, >=, b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)      SUITE_STRINGS(true, a, ==, b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)      SUITE_STRINGS(false, a, ==, b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)     SUITE_STRINGS(true, a, !=, b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)     SUITE_STRINGS(false, a, !=, b, __VA_ARGS__)
#define cr_assert_str_empty(a, ...)      SUITE_STRINGS(true, a, ==, "", __VA_ARGS__)
#define cr_expect_str_empty(a, ...)      SUITE_STRINGS(false, a, ==, "", __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)   SUITE_BYTES(true, a, b, n, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)   SUITE_BYTES(false, a, b, n, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) SUITE_NEAR(true, a, b, e, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) SUITE_NEAR(false, a, b, e, __VA_ARGS__)
#define cr_assert_fail(...)              suite_failed(SUITE_HERE(true), "failed", " " __VA_ARGS__)
#define cr_expect_fail(...)              suite_failed(SUITE_HERE(false), "failed", " " __VA_ARGS__)
#define cr_skip(...)                     suite_skip(" " __VA_ARGS__)
#define cr_skip_test(...)                suite_skip(" " __VA_ARGS__)
#define cr_log_error(...)                suite_log(" " __VA_ARGS__)

#endif
