/*
 * tools/run/command.c - `weir run`: starts a program with libweir-malloc.so loaded first,
 * stands aside while it runs, and reports what memory it took (tools/run/run.h names the
 * parts). Owns the options and the exit status.
 */
#include "tools/command.h"

#include "observe/stacks.h"
#include "tools/common/number.h"
#include "tools/common/options.h"
#include "tools/common/text.h"
#include "tools/common/time.h"
#include "tools/run/page.h"
#include "tools/run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A size, or a percentage: what libweir-malloc.so understands. */
static bool limit_is_valid(const char *text)
{
    uint64_t number;
    int digits = (int)strlen(text) - 1;
    return (number_size(text, &number) && number) ||
           (digits < 4 && text_ends(text, "%") &&
            number_count(text_made("%.*s", digits, text), 1, 100, &number));
}

/* -1: go on; else the exit status. */
static int command_line_read(int argc, char **argv, struct run *run)
{
    bool no_stacks = false;
    const char *stacks_from = NULL;
    const struct option_spec table[] = {
        {"json", OPTION_FLAG, &run->json, .help = "the report as one JSON object"},
        {"sizes", OPTION_FLAG, &run->sizes, .help = "what is live at exit by size of block, too"},
        {"quiet", OPTION_FLAG, &run->quiet, .help = "no report, unless -o names a file for it"},
        {"output", OPTION_TEXT, &run->output, "FILE",
         "the report goes to FILE, not to standard error (%p: the pid)", 'o'},
        {"limit", OPTION_TEXT, &run->limit, "SIZE",
         "malloc returns NULL beyond this, each process: bytes, or 512M, or\n"
         "90%, of what its control group or the machine lets it have"},
        {"record", OPTION_TEXT, &run->record, "FILE",
         "every allocation goes to FILE, for weir trace and weir bench;\n"
         "others go to FILE.PID, what they become by exec to FILE.PID.2\n"
         "(%p in FILE: the pid, %e: the program's name)"},
        {"html", OPTION_TEXT, &run->html, "OUT",
         "records, and writes a page (weir trace --html) of the process with the\n"
         "greatest peak"},
        {"no-stacks", OPTION_FLAG, &no_stacks,
         .help = "recorded allocations are without the calls that led there"},
        {"stacks-from", OPTION_TEXT, &stacks_from, "SIZE",
         "those of less bytes are (512, 4K): costs less, and shows nearly all of\n"
         "most peaks"},
        {"metrics", OPTION_TEXT, &run->metrics, "ADDRESS",
         "serves the figures to a scraper while the program runs, at\n"
         "http://ADDRESS/metrics (127.0.0.1:9464, or :9464; port 0: any that is free)"},
        {NULL}};
    const struct options options = {
        "weir run",
        "[OPTIONS] [--] PROGRAM [ARGUMENTS]",
        "Runs the program with its malloc replaced by weir's, and reports at its end\n"
        "what memory it asked for: the exact peak, when it was reached, what is live.",
        "Exit status: the program's; 127 not found, 126 cannot be run, 128+N killed by\n"
        "signal N; 125 if weir run itself fails; 123 if the program gave 0 and what was\n"
        "recorded is not whole.",
        table,
        .first_operand_ends = true};
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
    run->command = argv + optind;
    if (!*run->command)
        return options_complain(&options, "no program given");
    if (run->limit && !limit_is_valid(run->limit))
        return options_complain(
            &options, "--limit takes a size (bytes, or 512M, 2G, 1%% to 100%%), not \"%s\"",
            run->limit);
    if (stacks_from && !number_size(stacks_from, &run->stacks_from))
        return options_complain(
            &options, "--stacks-from takes a size (bytes, or 4K, 2M), not \"%s\"", stacks_from);
    if (no_stacks && stacks_from)
        return options_complain(&options, "--no-stacks and --stacks-from are one or the other");
    if (no_stacks)
        run->stacks_from = WEIR__STACKS_OFF;
    return -1;
}

uint64_t run_clock(void)
{
    return time_now();
}

/* The name of the report's file: %p is the program's process. */
static char *output_name(const struct run *run)
{
    char *name = NULL;
    size_t size;
    FILE *to = open_memstream(&name, &size);
    if (!to)
        return NULL;
    for (const char *at = run->output; *at; at++)
        if (at[0] == '%' && at[1] == 'p') {
            fprintf(to, "%d", run->pid);
            at++;
        } else {
            fputc(*at, to);
        }
    return fclose(to) == 0 ? name : NULL;
}

/* False: the report could not be written. */
static bool report_write(const struct run *run)
{
    if (run->quiet && !run->output)
        return true;
    char *name = run->output ? output_name(run) : NULL;
    FILE *to = run->output ? name ? fopen(name, "we") : NULL : stderr;
    if (to) {
        (run->json ? run_json : run_report)(run, to);
        bool failed = ferror(to); /* errno is that of the last write */
        // cppcheck-suppress useClosedFile ; it does not see fopen behind a condition
        failed |= run->output ? fclose(to) != 0 : fflush(to) != 0;
        if (!failed) {
            free(name);
            return true;
        }
    }
    fprintf(stderr, "weir run: %s: %s\n", run->output ? run->output : "standard error",
            strerror(errno));
    free(name);
    return false;
}

/* Where nobody reads the report, one line says what the recording lacks. */
static void incomplete_say(const struct run *run)
{
    if (!run->quiet && !run->output && !run->json)
        return;
    for (const struct run_recording *r = run_record_first(); r; r = r->next)
        if (r->error)
            fprintf(stderr, "weir run: %s: %s; %" PRIu64 " of %" PRIu64 " events are missing\n",
                    r->path, strerror(r->error), r->missing, r->total);
        else if (r->missing > r->under_way || r->odd)
            fprintf(stderr, "weir run: %s: %" PRIu64 " of %" PRIu64 " events are missing\n",
                    r->path, r->missing, r->total);
}

/* Ours never get the numbers of standard descriptors that are closed. The program finds them
 * closed as they were. */
static void standard_descriptors_fill(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDWR | O_CLOEXEC);
}

int weir_command_run(int argc, char **argv)
{
    static struct run run;
    sigset_t all;
    int status = command_line_read(argc, argv, &run);
    if (status >= 0)
        return status;
    standard_descriptors_fill();
    sigfillset(&all); /* our own faults end us all the same */
    sigprocmask(SIG_BLOCK, &all, &run.mask);
    status = run_check(run.command[0]);
    if (status)
        return status;
    if (!run_library(&run) || (run.html && !run_page_prepare(&run)) ||
        (run.record && !run_record_prepare(&run)) || !run_memory_make(&run) ||
        !(run.watch = run_watch_make(&run)) || (run.metrics && !run_serve_begin(&run)) ||
        !run_program(&run))
        return RUN_OWN_FAILURE;
    run_serve_end(&run);
    run_watch_end(run.watch);
    bool recorded = run_record_close(), reported = report_write(&run);
    if (!recorded)
        incomplete_say(&run);
    if (run.html)
        reported &= run_page_write(&run, !run.quiet);
    if (WIFEXITED(run.status) && WEXITSTATUS(run.status) == 0 && !(reported && recorded))
        return reported ? RUN_RECORD_INCOMPLETE : RUN_OWN_FAILURE;
    return run_end_like_it(&run);
}
