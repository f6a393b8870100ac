/*
 * fuzz/report.c - `weir trace` on any bytes: the first says what it is asked for, the rest is the
 * recording, as it is and with sums that fit. It ends with 0 or 1 whatever the bytes are; what it
 * writes as JSON is JSON, and what names of the recording hold never becomes markup of the page.
 */
#include "fuzz/json.h"
#include "fuzz/memory_file.h"
#include "fuzz/trace_sums.h"
#include "tools/command.h"

#include <getopt.h>

#define ARGUMENTS_MOST 8

/* PATH: the recording; OUT: where the page or the export goes. */
#define PATH "\1"
#define OUT  "\2"
static const char *const asked[][ARGUMENTS_MOST] = {
    {PATH},
    {"--top", "0", PATH},
    {"--by", "site", "--top", "3", PATH},
    {"--by", "tag", PATH},
    {"--by", "context", PATH},
    {"--by", "class", PATH},
    {"--by", "size", PATH},
    {"--by", "thread", PATH},
    {"--events", PATH},
    {"--json", PATH},
    {"--runs", PATH},
    {"--at", "peak", PATH},
    {"--at", "end", PATH},
    {"--at", "3", PATH},
    {"--at", "layer", PATH},
    {"--html", OUT, PATH},
    {"--html", OUT, "--against", PATH, PATH},
    {"--against", PATH, "--fail-growth", "5%", PATH},
    {"--fail-above", "1", PATH},
    {"--export", "pprof", OUT, PATH},
    {"--export", "perfetto", OUT, PATH},
    {"--export", "folded", OUT, PATH},
    {"--export", "csv", OUT, PATH},
    {"--text", OUT, PATH},
    {"--pack", OUT, PATH},
};
enum { ASKED = sizeof asked / sizeof *asked };

/* What was written, with a zero behind it. */
static char *written;
static size_t nwritten;

/* With both of the standard streams a memory file: what is said is looked at, and not printed. */
static int command_run(const char *const *wanted, const char *path)
{
    char *arguments[ARGUMENTS_MOST + 2] = {(char *)"trace"};
    int n = 1;
    for (int i = 0; i < ARGUMENTS_MOST && wanted[i]; i++)
        arguments[n++] = (char *)(*wanted[i] == *PATH  ? path
                                  : *wanted[i] == *OUT ? "-"
                                                       : wanted[i]);
    FILE *out = stdout, *err = stderr;
    free(written);
    stdout = open_memstream(&written, &nwritten);
    stderr = fopen("/dev/null", "w");
    if (!stdout || !stderr)
        exit(77);
    optind = 0;
    int status = weir_command_trace(n, arguments);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    return status;
}

static unsigned times(const char *text)
{
    unsigned n = 0;
    for (const char *at = written; (at = strstr(at, text)); at++)
        n++;
    return n;
}

/* Its own elements are the same in number whatever the recording says. */
static void page_check(void)
{
    FUZZ_EXPECT(strlen(written) == nwritten);
    FUZZ_EXPECT(times("<script") == times("</script>"));
    FUZZ_EXPECT(times("<fuzz") == 0 && times("</fuzz") == 0);
}

static int both_asked(const char *const *wanted, const uint8_t *data, size_t size)
{
    int status = command_run(wanted, memory_file(data, size));
    FUZZ_EXPECT(status == 0 || status == 1);
    if (status == 0 && strcmp(*wanted, "--json") == 0)
        FUZZ_EXPECT(json_is_one(written, nwritten));
    if (status == 0 && nwritten && strcmp(*wanted, "--html") == 0)
        page_check();
    return status == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    const char *const *wanted = asked[*data % ASKED];
    int accepted = both_asked(wanted, data + 1, size - 1);
    uint8_t *mended = malloc(size);
    if (!mended)
        exit(77);
    memcpy(mended, data + 1, size - 1);
    sums_mend(mended, size - 1);
    accepted |= both_asked(wanted, mended, size - 1);
    free(mended);
    return accepted;
}
