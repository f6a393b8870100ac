/* observe/environment.c - see environment.h. */
#include "observe/environment.h"

#include "alloc/hardened.h"
#include "backing/meta.h"
#include "base/bits.h"
#include "base/message.h"
#include "observe/guards.h"
#include "observe/sampling.h"
#include "track/sample.h"

#include <weir/allocator.h>
#include <weir/background.h>
#include <weir/error.h>
#include <weir/guards.h>
#include <weir/profile.h>
#include <weir/trace.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set by the first process that records: the file's own name is taken. A child that gets
 * another environment finds the file locked instead. */
#define TAKEN "WEIR_RECORD_TAKEN"

#define NAMES_MOST 1000

#define PROFILE_TOP   10
#define PROFILE_BYTES ((size_t)65536)

static void complain(const char *what, const char *value, const char *why)
{
    weir__message_print("weir: %s: \"%.200s\"%s%.600s", what, value, *why ? ": " : "", why);
}

/* -- hardened --------------------------------------------------------------------------------- */

/* It is followed when the first block is asked for, long before this. */
void weir__environment_hardened(void)
{
    const char *text = weir__hardened_refused();
    if (text)
        complain("WEIR_HARDENED cannot be followed", text, "1, moves or 0, on pages of 4 KiB");
}

/* -- the limit ---------------------------------------------------------------------------- */

/* "512M", "2G", "1048576"; "1.5G" is not one. 0: not a size. */
static size_t size_parse(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *units = "KMGT";
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (end == text || *text == '-' || errno || (unit ? end[1] : *end) ||
        number > (unsigned long long)PTRDIFF_MAX >> shift)
        return 0;
    return (size_t)number << shift;
}

/* "90%"; 0: not between 1% and 100%, or "12.5%", which is not one. */
static unsigned percent_parse(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long number = digits && digits < 4 ? strtoul(text, NULL, 10) : 0;
    return strcmp(text + digits, "%") == 0 && number <= 100 ? (unsigned)number : 0;
}

static void limit_set_percent(const char *text)
{
    unsigned percent = percent_parse(text);
    int error = percent ? weir_set_limit_fraction(weir_cpu_allocator(), percent / 100.0) : 0;
    if (!percent)
        complain("WEIR_LIMIT is not a percentage", text, "a whole number from 1% to 100%");
    else if (error)
        complain("WEIR_LIMIT cannot be set", text, weir_last_error());
}

static void limit_set_size(const char *text)
{
    size_t bytes = size_parse(text);
    if (!bytes)
        complain("WEIR_LIMIT is not a size", text, "");
    else if (weir_set_limit(weir_cpu_allocator(), bytes))
        complain("WEIR_LIMIT is less than what the program has already", text, "");
}

void weir__environment_limit(void)
{
    const char *text = secure_getenv("WEIR_LIMIT");
    if (!text || !*text)
        return;
    if (strchr(text, '%'))
        limit_set_percent(text);
    else
        limit_set_size(text);
}

/* -- the background thread --------------------------------------------------------------- */

void weir__environment_background(void)
{
    const char *text = secure_getenv("WEIR_BACKGROUND");
    if (!text || !*text)
        return;
    size_t digits = strspn(text, "0123456789");
    unsigned long period = digits && digits < 10 && !text[digits] ? strtoul(text, NULL, 10) : 0;
    int error = period ? weir_background_start((unsigned)period) : 0;
    if (!period)
        complain("WEIR_BACKGROUND is no number of milliseconds", text, "");
    else if (error)
        complain("no thread for WEIR_BACKGROUND", text, strerror(error));
}

/* -- the profile -------------------------------------------------------------------------- */

void weir__environment_sample(void)
{
    const char *text = secure_getenv("WEIR_SAMPLE");
    if (!text || !*text)
        return;
    size_t bytes = size_parse(text);
    if (!bytes)
        complain("WEIR_SAMPLE is not a size", text, "");
    else if (weir_profile_sample(bytes))
        complain("WEIR_SAMPLE", text, weir_last_error());
}

/* -- guarded blocks ------------------------------------------------------------------------ */

/* "5000" up to the end or a comma, which *text is behind then. False: no number. */
static bool rate_parse(const char **text, size_t *rate)
{
    size_t digits = strspn(*text, "0123456789");
    const char *end = *text + digits;
    if (!digits || digits > 18 || (*end && *end != ','))
        return false;
    *rate = strtoul(*text, NULL, 10);
    *text = *end ? end + 1 : end;
    return true;
}

/* "5000", "tensors:100" or both, as weir_guard_options has them. */
static bool rates_parse(const char *text, size_t *calls, size_t *objects)
{
    static const char tensors[] = "tensors:";
    bool right = true;
    *calls = *objects = 0;
    while (right && *text) {
        bool of_objects = strncmp(text, tensors, sizeof tensors - 1) == 0;
        text += of_objects ? sizeof tensors - 1 : 0;
        right = rate_parse(&text, of_objects ? objects : calls);
        if (!of_objects && !*calls)
            *calls = SIZE_MAX;
    }
    return right;
}

void weir__environment_guards(bool by_turns)
{
    const char *text = secure_getenv("WEIR_GUARDS");
    weir_guard_options options = WEIR_GUARD_OPTIONS_INIT;
    if (!text || !*text) {
        if (by_turns)
            weir__guards_by_turns(); /* where there can be none there are none */
        return;
    }
    if (!rates_parse(text, &options.calls, &options.objects)) {
        complain("WEIR_GUARDS is no number of calls", text,
                 "5000, tensors:100 or both with a comma");
        return;
    }
    if (options.calls == SIZE_MAX && !options.objects)
        return;
    if (weir_guards_start(&options))
        complain("WEIR_GUARDS", text, weir_last_error());
}

/* -- the recording --------------------------------------------------------------------------- */

static void stacks_choose(weir_trace_options *options)
{
    const char *text = secure_getenv("WEIR_STACKS");
    if (!text || !*text || strcmp(text, "0") == 0)
        return;
    options->no_stacks = strcmp(text, "no") == 0;
    options->stacks_from = options->no_stacks ? 0 : size_parse(text);
    if (!options->no_stacks && !options->stacks_from)
        complain("WEIR_STACKS is neither a size nor \"no\"", text, "all allocations have them");
}

static int record_as_other(const char *path, const weir_trace_options *options)
{
    char name[4096];
    for (int nth = 1; nth < NAMES_MOST; nth++) {
        int n = nth == 1 ? snprintf(name, sizeof name, "%s.%d", path, (int)getpid())
                         : snprintf(name, sizeof name, "%s.%d.%d", path, (int)getpid(), nth);
        if (n >= (int)sizeof name)
            return ENAMETOOLONG;
        if (access(name, F_OK) != 0)
            return weir_trace_start(name, options);
    }
    return EEXIST;
}

bool weir__environment_record(void)
{
    const char *path = secure_getenv("WEIR_RECORD");
    if (!path || !*path)
        return false;
    weir_trace_options options = WEIR_TRACE_OPTIONS_INIT;
    stacks_choose(&options);
    bool first = !getenv(TAKEN);
    if (first)
        setenv(TAKEN, "1", 1); /* before the recording: it allocates */
    int error = first ? weir_trace_start(path, &options) : EWOULDBLOCK;
    if (error == EWOULDBLOCK)
        error = record_as_other(path, &options);
    if (error)
        complain("cannot record to", path, weir_last_error());
    return !error;
}

/* -- the report ------------------------------------------------------------------------------ */

/* `line` has room for two bytes behind `length`. */
static void report_write(const char *path, char *line, size_t length)
{
    if (strcmp(path, "-") == 0) {
        weir__message(line, length);
        return;
    }
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    if (file < 0)
        return;
    line[length] = '\n';
    ssize_t written = write(file, line, length + 1);
    (void)written;
    close(file);
}

/* Who holds what is live, if allocations are sampled: line by line, in the same place. */
static void report_profile(const char *path)
{
    char *text = weir__sample_has_profile() ? weir__meta_allocate(PROFILE_BYTES) : NULL;
    if (!text)
        return;
    struct weir__sink sink = {.buffer = text, .size = PROFILE_BYTES - 1};
    weir__sampling_print(&sink, PROFILE_TOP);
    char line[1024];
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        size_t length = weir__min((size_t)(end - at), sizeof line - 2);
        memcpy(line, at, length);
        report_write(path, line, length);
    }
    weir__meta_free(text, PROFILE_BYTES);
}

void weir__environment_report(bool known)
{
    const char *path = secure_getenv("WEIR_REPORT");
    if (!path || !*path)
        return;
    char line[512];
    weir_stats stats = {.size = sizeof stats};
    weir_stats_get(weir_cpu_allocator(), &stats);
    int length = snprintf(line, sizeof line,
                          "weir: %s (%d): peak %zu bytes, live %zu bytes in %zu blocks, "
                          "%zu allocated, %zu freed, %zu refused",
                          program_invocation_short_name, (int)getpid(), stats.peak_allocated,
                          stats.total_allocated, stats.allocation_count, stats.allocations,
                          stats.deallocations, stats.failures);
    if (!known)
        length = snprintf(line, sizeof line,
                          "weir: %s (%d): has a malloc of its own, of which weir knows nothing",
                          program_invocation_short_name, (int)getpid());
    report_write(path, line, weir__min((size_t)length, sizeof line - 2));
    if (known)
        report_profile(path);
}
