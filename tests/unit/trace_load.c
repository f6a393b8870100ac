/*
 * tests/unit/trace_load.c - the loader of traces: every carried trace agrees with a count of
 * its own text made here by other means, and every kind of damage is one line that names the
 * file and the line.
 */
#include "tools/trace/load.h"

#include "../helpers/scratch.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char header[] = "# someone something events=4 peak_live=300 marks=load:0,run:2\n";
static const char events[] = "a 1 100 64 0\na 2 200 64 1\nf 1 1\nf 2 0\n";

static char scratch[SCRATCH_PATH_MAX];

/* Writes `text` into the scratch file. */
static void scratch_write(const char *text, size_t n)
{
    FILE *to = fopen(scratch, "we");
    cr_assert(to);
    cr_assert_eq(fwrite(text, 1, n, to), n);
    cr_assert_eq(fclose(to), 0);
}

static void setup(void)
{
    scratch_path(scratch, "trace");
}

static void teardown(void)
{
    unlink(scratch);
}

TestSuite(trace_load, .init = setup, .fini = teardown);

/* The text must be refused with EINVAL and "FILE:LINE: ...part...". */
static void expect_bad(const char *head, const char *body, unsigned line, const char *part)
{
    char text[2000], why[SCRATCH_PATH_MAX + 400] = "", start[SCRATCH_PATH_MAX + 20];
    struct trace trace;
    int n = snprintf(text, sizeof(text), "%s%s", head, body);
    scratch_write(text, (size_t)n);
    int error = trace_load(scratch, &trace, why, sizeof(why));
    cr_expect_eq(error, EINVAL, "%s%s gave %d", head, body, error);
    snprintf(start, sizeof(start), "%s:%u: ", scratch, line);
    cr_expect(strncmp(why, start, strlen(start)) == 0, "\"%s\" does not begin with \"%s\"", why,
              start);
    cr_expect(strstr(why, part), "\"%s\" does not say \"%s\"", why, part);
    cr_expect(!strchr(why, '\n'), "more than one line: %s", why);
}

Test(trace_load, reads_plain_text)
{
    char text[300], why[SCRATCH_PATH_MAX + 300] = "";
    struct trace t;
    int n = snprintf(text, sizeof(text), "%s%s", header, events);
    scratch_write(text, (size_t)n);
    cr_assert_eq(trace_load(scratch, &t, why, sizeof(why)), 0, "%s", why);
    cr_expect_eq(t.nevents, 4);
    cr_expect_eq(t.nblocks, 2);
    cr_expect_eq(t.nthreads, 2);
    cr_expect_eq(t.peak_live, 300);
    cr_assert_eq(t.nmarks, 2);
    cr_expect_str_eq(t.marks[1].name, "run");
    cr_expect_eq(t.marks[1].event, 2);
    cr_expect_eq(t.events[1].kind, TRACE_ALLOCATE);
    cr_expect_eq(t.events[1].size, 200);
    cr_expect_eq(t.events[1].align, 64);
    cr_expect_eq(t.events[1].thread, 1);
    cr_expect_eq(t.events[2].kind, TRACE_FREE);
    cr_expect_eq(t.events[2].id, 1);
    trace_free(&t);
}

Test(trace_load, numbers_threads_by_appearance_and_takes_resizes)
{
    static const char text[] = "# x y events=3 peak_live=50\n"
                               "a 1 10 16 70\n\n# a remark\nr 1 50 9\nf 1 70\n";
    char why[SCRATCH_PATH_MAX + 300] = "";
    struct trace t;
    scratch_write(text, sizeof(text) - 1);
    cr_assert_eq(trace_load(scratch, &t, why, sizeof(why)), 0, "%s", why);
    cr_expect_eq(t.nthreads, 2);
    cr_expect_eq(t.events[0].thread, 0);
    cr_expect_eq(t.events[1].thread, 1);
    cr_expect_eq(t.events[1].kind, TRACE_RESIZE);
    cr_expect_eq(t.events[1].size, 50);
    cr_expect_eq(t.events[2].thread, 0);
    trace_free(&t);
}

Test(trace_load, names_the_line_of_a_bad_header)
{
    expect_bad("", "", 1, "empty");
    expect_bad("", events, 1, "no header");
    expect_bad("# x y peak_live=300\n", events, 1, "events=");
    expect_bad("# x y events=4\n", events, 1, "peak_live=");
    expect_bad("# x y events=many peak_live=300\n", events, 1, "count");
    expect_bad("# x y events=4 peak_live=-3\n", events, 1, "peak");
    expect_bad("# x y events=4 peak_live=300 marks=run\n", events, 1, "mark");
    expect_bad("# x y events=4 peak_live=300 marks=run:5\n", events, 1, "mark");
    expect_bad("# x y events=4 peak_live=300 marks=b:2,a:1\n", events, 1, "before");
    expect_bad("# x y events=4 peak_live=301\n", events, 1, "300");
    expect_bad("# x y events=5 peak_live=300\n", events, 5, "4 events");
    expect_bad("# x y events=3 peak_live=300\n", events, 5, "4 events");
}

Test(trace_load, names_the_line_of_a_bad_event)
{
    expect_bad(header, "a 1 100 64 0\nz 2 200\n", 3, "\"z\"");
    expect_bad(header, "a 2 100 64 0\n", 2, "1 is next");
    expect_bad(header, "a 1 100 64 0\na 1 100 64 0\n", 3, "2 is next");
    expect_bad(header, "a 1 100 64 0\nf 2 0\n", 3, "unknown id 2");
    expect_bad(header, "f 0 0\n", 2, "unknown id 0");
    expect_bad(header, "a 1 100 64 0\nf 1 0\nf 1 0\n", 4, "freed twice");
    expect_bad(header, "a 1 100 64 0\nf 1 0\nr 1 5 0\n", 4, "after its free");
    expect_bad(header, "a 1 100 48 0\n", 2, "power of two");
    expect_bad(header, "a 1 100 0 0\n", 2, "power of two");
    expect_bad(header, "a 1 100 8589934592 0\n", 2, "alignment");
    expect_bad(header, "a 1 -100 64 0\n", 2, "size");
    expect_bad(header, "a 1 1e3 64 0\n", 2, "size");
    expect_bad(header, "a 1 9223372036854775808 64 0\n", 2, "size");
    expect_bad(header, "a 1 99999999999999999999999 64 0\n", 2, "size");
    expect_bad(header, "a 4294967296 100 64 0\n", 2, "id");
    expect_bad(header, "a 1 100 64\n", 2, "thread");
    expect_bad(header, "a 1 100 64 0 0\n", 2, "after the end");
    expect_bad(header, "f 1\n", 2, "thread");
}

Test(trace_load, finds_a_sum_that_overflows)
{
    expect_bad(header, "a 1 9223372036854775807 64 0\na 2 1 64 0\n", 3, "overflows");
}

Test(trace_load, refuses_bytes_that_are_no_text)
{
    static const char bytes[] = "\177ELF\002\001\001";
    char why[SCRATCH_PATH_MAX + 300] = "";
    struct trace t;
    scratch_write(bytes, sizeof(bytes));
    cr_expect_neq(trace_load(scratch, &t, why, sizeof(why)), 0);
    cr_expect(strstr(why, scratch), "%s", why);
}

Test(trace_load, refuses_a_line_without_end)
{
    size_t n = 100000;
    char *text = malloc(n), why[SCRATCH_PATH_MAX + 300] = "";
    struct trace t;
    cr_assert(text);
    memset(text, '7', n);
    memcpy(text, header, sizeof(header) - 1);
    scratch_write(text, n);
    free(text);
    cr_expect_eq(trace_load(scratch, &t, why, sizeof(why)), EINVAL);
    cr_expect(strstr(why, ":2: the line is longer"), "%s", why);
}

Test(trace_load, says_why_a_file_cannot_be_read)
{
    char why[SCRATCH_PATH_MAX + 300] = "";
    struct trace t;
    cr_expect_eq(trace_load("/nonexistent/x.trace.gz", &t, why, sizeof(why)), ENOENT);
    cr_expect_str_eq(why, "/nonexistent/x.trace.gz: No such file or directory");
    cr_expect_eq(trace_load("/", &t, why, sizeof(why)), EISDIR);
    cr_expect_str_eq(why, "/: Is a directory");
}

/* -- the carried traces ---------------------------------------------------------------- */

static void traces_glob(glob_t *found)
{
    char pattern[4200];
    const char *top = getenv("top_srcdir");
    snprintf(pattern, sizeof(pattern), "%s/bench/traces/*.gz", top ? top : ".");
    cr_assert_eq(glob(pattern, 0, NULL, found), 0, "no traces at %s", pattern);
}

struct counted {
    size_t events, allocations, peak, end, said_events, said_peak;
};

/* Another reader: gzip, scanf and a table by id. */
static struct counted count_text(const char *path)
{
    char command[4300], line[70000];
    struct counted c = {0};
    snprintf(command, sizeof(command), "gzip -dc '%s'", path);
    FILE *from = popen(command, "r");
    size_t *sizes = calloc(1 << 20, sizeof(*sizes)), total = 0;
    cr_assert(from && sizes);
    while (fgets(line, sizeof(line), from)) {
        size_t id, size;
        const char *said = strstr(line, "events=");
        if (*line == '#' && said)
            sscanf(said, "events=%zu peak_live=%zu", &c.said_events, &c.said_peak);
        else if (sscanf(line, "a %zu %zu", &id, &size) == 2) {
            sizes[id] = size;
            total += size;
            c.allocations++;
            c.events++;
        } else if (sscanf(line, "f %zu", &id) == 1) {
            total -= sizes[id];
            c.events++;
        }
        c.peak = total > c.peak ? total : c.peak;
    }
    pclose(from);
    free(sizes);
    c.end = total;
    return c;
}

Test(trace_load, agrees_with_another_reader_on_every_carried_trace)
{
    glob_t found;
    traces_glob(&found);
    cr_expect_geq(found.gl_pathc, 14);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct trace t;
        char why[SCRATCH_PATH_MAX + 300] = "";
        const char *path = found.gl_pathv[i];
        struct counted c = count_text(path);
        cr_assert_eq(trace_load(path, &t, why, sizeof(why)), 0, "%s", why);
        cr_expect_eq(t.nevents, c.events, "%s", path);
        cr_expect_eq(t.nevents, c.said_events, "%s", path);
        cr_expect_eq(t.nblocks, c.allocations, "%s", path);
        cr_expect_eq(t.peak_live, c.peak, "%s", path);
        cr_expect_eq(t.peak_live, c.said_peak, "%s", path);
        cr_expect_eq(c.end, 0, "%s", path);
        cr_expect_gt(t.nmarks, 0, "%s", path);
        trace_free(&t);
    }
    globfree(&found);
}

Test(trace_load, finds_compressed_data_that_was_cut_or_damaged)
{
    glob_t found;
    char why[SCRATCH_PATH_MAX + 300] = "", buffer[2000];
    struct trace t;
    traces_glob(&found);
    FILE *from = fopen(found.gl_pathv[0], "rbe");
    cr_assert(from);
    size_t n = fread(buffer, 1, sizeof(buffer), from);
    fclose(from);
    globfree(&found);
    cr_assert_eq(n, sizeof(buffer));
    scratch_write(buffer, n);
    cr_expect_eq(trace_load(scratch, &t, why, sizeof(why)), EINVAL);
    cr_expect(strstr(why, "compressed"), "%s", why);
    buffer[n / 2] ^= 0x55;
    scratch_write(buffer, n);
    cr_expect_eq(trace_load(scratch, &t, why, sizeof(why)), EINVAL);
}
