/*
 * tools/cmd_run.c - `weir run`: starts a program with libweir-malloc.so loaded first,
 * stands aside while it runs, and reports what memory it took. Owns the shared memory
 * that the program's processes write their figures to; tools/run_report.c reads it.
 *
 * To who called it, `weir run` looks like the program: its exit status, its death by a
 * signal, its stopping and going on.
 */
#include "tools/command.h"
#include "tools/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void usage(FILE *to)
{
    fputs("usage: weir run [OPTIONS] [--] PROGRAM [ARGUMENTS]\n"
          "\n"
          "Runs the program with its malloc replaced by weir's, and reports at its end what\n"
          "memory it asked for: the exact peak, when it was reached, what is live at exit.\n"
          "\n"
          "  --json         the report as one JSON object\n"
          "  --limit SIZE   malloc returns NULL beyond this (bytes, or 512M, 2G), each process\n"
          "  --record FILE  write every allocation to FILE, for weir trace and weir bench\n"
          "  -o FILE        the report goes to FILE, not to standard error\n"
          "  --help         this\n"
          "\n"
          "Exit status: the program's; 127 not found, 126 cannot be run, 128+N killed by\n"
          "signal N, 125 if weir run itself fails.\n",
          to);
}

#define OWN_FAILURE 125

/* -- options ----------------------------------------------------------------------------- */

/* A number and perhaps K, M, G or T: what libweir-malloc.so understands. */
static bool size_is_valid(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;
    bool unit = *rest && strchr("KMGTkmgt", *rest) && !rest[1];
    return digits && digits < 19 && strtoull(text, NULL, 10) && (!*rest || unit);
}

/* -1: go on; else the exit status. */
static int options_read(int argc, char **argv, struct run *run)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},         {"limit", required_argument, NULL, 'l'},
        {"record", required_argument, NULL, 'r'}, {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "+o:h", known, NULL)) != -1)
        switch (option) {
        case 'j':
            run->json = true;
            break;
        case 'l':
            run->limit = optarg;
            break;
        case 'r':
            run->record = optarg;
            break;
        case 'o':
            run->output = optarg;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            fprintf(stderr, "weir run --help says more\n");
            return 2;
        }
    run->command = argv + optind;
    if (!*run->command) {
        fprintf(stderr, "weir run: no program given; weir run --help says more\n");
        return 2;
    }
    if (run->limit && !size_is_valid(run->limit)) {
        fprintf(stderr, "weir run: --limit %s: not a size (bytes, or 512M, 2G)\n", run->limit);
        return 2;
    }
    return -1;
}

/* -- the shared memory ---------------------------------------------------------------------- */

static bool page_make(struct run *run)
{
    run->page_file = memfd_create("weir-run", MFD_CLOEXEC);
    if (run->page_file < 0 || ftruncate(run->page_file, WEIR__RUN_BYTES) != 0) {
        fprintf(stderr, "weir run: no shared memory: %s\n", strerror(errno));
        return false;
    }
    run->page = mmap(NULL, WEIR__RUN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, run->page_file, 0);
    if (run->page == MAP_FAILED) {
        fprintf(stderr, "weir run: no shared memory: %s\n", strerror(errno));
        return false;
    }
    ((struct weir__run_head *)run->page)->magic = WEIR__RUN_MAGIC;
    return true;
}

/* -- the program ------------------------------------------------------------------------------ */

static void variable_set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void environment_set(const struct run *run)
{
    char text[8192], page[64];
    const char *before = getenv("LD_PRELOAD");
    snprintf(text, sizeof text, "%s%s%s", run->library, before && *before ? ":" : "",
             before ? before : "");
    setenv("LD_PRELOAD", text, 1);
    snprintf(page, sizeof page, "/proc/%d/fd/%d", (int)getppid(), run->page_file);
    setenv(WEIR__RUN_VARIABLE, page, 1);
    variable_set("WEIR_LIMIT", run->limit);
    variable_set("WEIR_RECORD", run->record);
}

static uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What was to become of SIGCHLD. Where it was ignored, the system forgets how children end. */
static struct sigaction child_before;

/* In the child. Its signals are as they were when weir run was started. */
static _Noreturn void program_become(const struct run *run, const sigset_t *mask)
{
    environment_set(run);
    sigaction(SIGCHLD, &child_before, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(run->command[0], run->command);
    int error = errno;
    fprintf(stderr, "weir run: %s: %s\n", run->command[0], strerror(error));
    _exit(error == ENOENT ? 127 : 126);
}

/* -- signals ------------------------------------------------------------------------------------
 */

/* All that can be taken and mean something to the program; they are blocked here and
 * waited for. The terminal's own reach it without us: it is in our process group. */
static void signals_block(sigset_t *all, sigset_t *before)
{
    static const int passed[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,  SIGUSR2, SIGALRM,
                                 SIGTSTP, SIGCONT, SIGTTIN, SIGTTOU, SIGWINCH, SIGPIPE, SIGCHLD};
    sigemptyset(all);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        sigaddset(all, passed[i]);
    sigprocmask(SIG_BLOCK, all, before);
}

/* The program stopped: so do we, that the shell sees it; and it goes on when we do. */
static void stop_with_it(const struct run *run)
{
    kill(getpid(), SIGSTOP);
    kill(run->pid, SIGCONT);
}

static bool program_has_ended(struct run *run)
{
    int status;
    pid_t pid;
    while ((pid = wait4(run->pid, &status, WNOHANG | WUNTRACED, &run->usage)) == run->pid) {
        if (!WIFSTOPPED(status)) {
            run->status = status;
            run->ended = clock_now();
            return true;
        }
        stop_with_it(run);
    }
    return pid < 0 && errno == ECHILD;
}

static void program_await(struct run *run, const sigset_t *signals)
{
    siginfo_t about;
    while (!program_has_ended(run)) {
        int signal = sigwaitinfo(signals, &about);
        if (signal > 0 && signal != SIGCHLD && about.si_code != SI_KERNEL)
            kill(run->pid, signal);
    }
}

/* Ends as the program did. */
static int end_like_it(const struct run *run)
{
    if (!WIFSIGNALED(run->status))
        return WEXITSTATUS(run->status);
    int signal_number = WTERMSIG(run->status);
    struct rlimit no_core = {0, 0};
    sigset_t one;
    fflush(NULL);
    setrlimit(RLIMIT_CORE, &no_core);
    signal(signal_number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return 128 + signal_number;
}

/* -- all of it -----------------------------------------------------------------------------------
 */

static bool program_run(struct run *run)
{
    sigset_t signals, before;
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &child_before);
    signals_block(&signals, &before);
    run->started = clock_now();
    run->pid = fork();
    if (run->pid < 0) {
        fprintf(stderr, "weir run: fork: %s\n", strerror(errno));
        return false;
    }
    if (run->pid == 0)
        program_become(run, &before);
    program_await(run, &signals);
    return true;
}

/* False: the report could not be written. */
static bool report_write(const struct run *run)
{
    FILE *to = run->output ? fopen(run->output, "we") : stderr;
    if (to) {
        run_report(run, to);
        if ((run->output ? fclose(to) : fflush(to)) == 0)
            return true;
    }
    fprintf(stderr, "weir run: %s: %s\n", run->output ? run->output : "standard error",
            strerror(errno));
    return false;
}

int weir_command_run(int argc, char **argv)
{
    static struct run run;
    int status = options_read(argc, argv, &run);
    if (status >= 0)
        return status;
    status = run_check(run.command[0]);
    if (status)
        return status;
    if (!run_library(&run) || !page_make(&run) || !program_run(&run))
        return OWN_FAILURE;
    if (!report_write(&run) && WIFEXITED(run.status) && WEXITSTATUS(run.status) == 0)
        return OWN_FAILURE;
    return end_like_it(&run);
}
