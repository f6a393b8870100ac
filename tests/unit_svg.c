/*
 * tests/unit_svg.c - charts: what is drawn, and that nothing in names or values can break the
 * file. Well-formedness as such is checked by tests/bench.sh with an XML parser.
 */
#include "bench/harness/svg.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[SCRATCH_PATH_MAX];

static void setup(void)
{
    scratch_path(scratch, "svg");
}

static void teardown(void)
{
    unlink(scratch);
}

TestSuite(svg, .init = setup, .fini = teardown);

static char *scratch_read(void)
{
    static char text[200000];
    FILE *from = fopen(scratch, "re");
    cr_assert(from);
    size_t n = fread(text, 1, sizeof(text) - 1, from);
    fclose(from);
    text[n] = '\0';
    return text;
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static const char *const names[] = {"one", "two <&> three", "four"};
static const double first[] = {1, 10, 1000}, second[] = {NAN, 0, INFINITY};
static const struct svg_series series[] = {{"a", first}, {"b & c", second}};

static struct svg_chart chart_of(bool logarithmic)
{
    return (struct svg_chart){.title = "title",
                              .axis = "ns",
                              .categories = names,
                              .ncategories = 3,
                              .series = series,
                              .nseries = 2,
                              .logarithmic = logarithmic};
}

Test(svg, draws_a_bar_for_each_value_that_is_one)
{
    struct svg svg;
    struct svg_chart chart = chart_of(true);
    cr_assert_eq(svg_begin(&svg, "page", "below"), 0);
    svg_bars(&svg, &chart);
    cr_assert_eq(svg_end(&svg, scratch), 0);
    const char *text = scratch_read();
    /* three bars of the first series; background and two of the legend */
    cr_expect_eq(occurrences(text, "<rect"), 3 + 1 + 2);
    cr_expect_eq(occurrences(text, "nan"), 0);
    cr_expect_eq(occurrences(text, "inf"), 0);
    cr_expect_eq(occurrences(text, "two &lt;&amp;&gt; three"), 1);
    cr_expect_eq(occurrences(text, "</svg>"), 1);
}

Test(svg, takes_zero_on_a_linear_axis)
{
    struct svg svg;
    struct svg_chart chart = chart_of(false);
    cr_assert_eq(svg_begin(&svg, "page", "below"), 0);
    svg_dots(&svg, &chart);
    svg_lines(&svg, &chart);
    cr_assert_eq(svg_end(&svg, scratch), 0);
    cr_expect_eq(occurrences(scratch_read(), "<circle"), 2 * 4);
}

Test(svg, leaves_a_chart_without_values_out)
{
    static const double none[] = {NAN, NAN, NAN};
    static const struct svg_series empty[] = {{"a", none}};
    struct svg svg;
    struct svg_chart chart = chart_of(true);
    chart.series = empty;
    chart.nseries = 1;
    cr_assert_eq(svg_begin(&svg, "page", "below"), 0);
    int y = svg.y;
    svg_bars(&svg, &chart);
    svg_dots(&svg, &chart);
    svg_lines(&svg, &chart);
    cr_expect_eq(svg.y, y);
    cr_assert_eq(svg_end(&svg, scratch), 0);
    cr_expect_eq(occurrences(scratch_read(), "title\">title"), 0);
}

Test(svg, says_why_the_file_cannot_be_written)
{
    struct svg svg;
    cr_assert_eq(svg_begin(&svg, "page", "below"), 0);
    cr_expect_eq(svg_end(&svg, "/nonexistent/folder/x.svg"), ENOENT);
}
