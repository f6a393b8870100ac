/*
 * tests/helpers/harness.c - runs the cases one after the other, each in a process of its own, and
 * says in TAP how they ended. A case and all its children write into one file, which is shown when
 * it is over: as TAP's comments if it failed, else as lines that TAP does not look at. What a case
 * comes to is in memory that it shares with the harness.
 */
#include "harness.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long a case may take, unless it says otherwise or WEIR_TEST_TIMEOUT does; four times that
 * where every step costs 10 to 50 times (WEIR_TEST_SLOW). tests/helpers/run-tap has the same
 * figures. */
#define SECONDS      300
#define SLOW_SECONDS 4

static struct suite_case *first, **last = &first;

/* Of the case that is running; shared with all its processes. */
static struct {
    atomic_uint failures;
    atomic_bool skipped, done;
    char why[SUITE_TEXT_MAX];
} * now;
static const struct suite_case *running;
static pid_t process, thread; /* of the case */
static bool here;

void suite_add(struct suite_case *it)
{
    *last = it;
    last = &it->next;
}

/* -- what a case says ------------------------------------------------------------------------ */

static const struct suite_options *suite_of(const struct suite_case *it)
{
    static const struct suite_options none;
    for (struct suite_case *each = first; each; each = each->next)
        if (!each->body && strcmp(each->suite, it->suite) == 0)
            return &each->options;
    return &none;
}

static void call(void (*function)(void))
{
    if (function)
        function();
}

static bool is_first_thread(void)
{
    return getpid() == process && (pid_t)syscall(SYS_gettid) == thread;
}

/* The case is over before its end. */
static _Noreturn void stop(int status)
{
    static bool stopping;
    if (running && is_first_thread() && !stopping) {
        stopping = true;
        call(running->options.fini);
        call(suite_of(running)->fini);
    }
    fflush(NULL);
    _exit(status);
}

/* One write for a line: other threads and processes write there too. */
static void say(const char *what, const char *format, va_list arguments)
{
    char line[2048];
    int used = snprintf(line, sizeof line, "%s:", what);
    used += vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
    used = used < (int)sizeof line - 2 ? used : (int)sizeof line - 2;
    while (used > 0 && (line[used - 1] == ' ' || line[used - 1] == ':'))
        used--;
    line[used++] = '\n';
    fflush(stdout);
    if (write(STDERR_FILENO, line, (size_t)used) < 0)
        abort();
}

static void failed(struct suite_place at, const char *what, const char *format, va_list arguments)
{
    char whole[1024];
    const char *file = strstr(at.file, "tests/");
    snprintf(whole, sizeof whole, "%s:%d: %s", file ? file : at.file, at.line, what);
    say(whole, format, arguments);
    atomic_fetch_add(&now->failures, 1);
    if (at.fatal)
        stop(1);
}

void suite_failed(struct suite_place at, const char *what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    failed(at, what, format, arguments);
    va_end(arguments);
}

void suite_failed_strings(struct suite_place at, const char *what, const char *a, const char *b,
                          const char *format, ...)
{
    char whole[900];
    va_list arguments;
    snprintf(whole, sizeof whole, "%s: \"%.300s\", \"%.300s\"", what, a ? a : "(NULL)",
             b ? b : "(NULL)");
    va_start(arguments, format);
    failed(at, whole, format, arguments);
    va_end(arguments);
}

void suite_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(now->why, sizeof now->why, format, arguments);
    va_end(arguments);
    atomic_store(&now->skipped, true);
    stop(0);
}

void suite_log(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("note", format, arguments);
    va_end(arguments);
}

/* -- values ------------------------------------------------------------------------------------ */

struct suite_text suite_text_signed(long long value)
{
    struct suite_text t;
    snprintf(t.text, sizeof t.text, "%lld", value);
    return t;
}

struct suite_text suite_text_unsigned(unsigned long long value)
{
    struct suite_text t;
    snprintf(t.text, sizeof t.text, value > UINT32_MAX ? "%llu (%#llx)" : "%llu", value, value);
    return t;
}

struct suite_text suite_text_double(double value)
{
    struct suite_text t;
    snprintf(t.text, sizeof t.text, "%.17g", value);
    return t;
}

struct suite_text suite_text_pointer(const volatile void *value)
{
    struct suite_text t;
    snprintf(t.text, sizeof t.text, "%#" PRIxPTR, (uintptr_t)value);
    return t;
}

struct suite_text suite_both(const char *a, struct suite_text left, const char *b,
                             struct suite_text right)
{
    struct suite_text t;
    int used = snprintf(t.text, sizeof t.text, "%.50s %.40s", a, b);
    snprintf(t.text + used, sizeof t.text - (size_t)used, ": %.32s, %.32s", left.text, right.text);
    return t;
}

size_t suite_difference(const void *a, const void *b, size_t size)
{
    const unsigned char *x = a, *y = b;
    size_t at = 0;
    while (at < size && x[at] == y[at])
        at++;
    return at;
}

/* -- running ------------------------------------------------------------------------------------
 */

static void run_here(const struct suite_case *it)
{
    running = it;
    process = getpid();
    thread = (pid_t)syscall(SYS_gettid);
    call(suite_of(it)->init);
    call(it->options.init);
    it->body();
    call(it->options.fini);
    call(suite_of(it)->fini);
    running = NULL;
    atomic_store(&now->done, true);
}

static double limit_of(const struct suite_case *it)
{
    const char *asked = getenv("WEIR_TEST_TIMEOUT");
    double limit = asked ? strtod(asked, NULL) : it->options.timeout;
    if (limit <= 0)
        limit = suite_of(it)->timeout > 0 ? suite_of(it)->timeout : SECONDS;
    return getenv("WEIR_TEST_SLOW") ? limit * SLOW_SECONDS : limit;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* SIGCHLD is blocked: it is awaited. Returns false when the time was up. */
static bool await(pid_t child, double limit, int *status)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (double end = seconds() + limit; waitpid(child, status, WNOHANG) == 0;) {
        double left = end - seconds();
        if (left <= 0) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            waitpid(child, status, 0);
            return false;
        }
        struct timespec wait = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
        sigtimedwait(&set, NULL, &wait);
    }
    kill(-child, SIGKILL); /* what it left running */
    return true;
}

static _Noreturn void be_the_case(const struct suite_case *it, int output, const sigset_t *mask)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* an emulator's is of terabytes */
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
        _exit(99);
    close(output);
    run_here(it);
    exit(0);
}

/* Why a case failed that ended so; empty if it did not. */
static void judge(const struct suite_case *it, int status, char *why, size_t size)
{
    const struct suite_options *o = &it->options;
    unsigned failures = atomic_load(&now->failures);
    *why = '\0';
    if (failures)
        snprintf(why, size, "%u failed", failures);
    else if (WIFSIGNALED(status) && WTERMSIG(status) != o->signal)
        snprintf(why, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (!WIFSIGNALED(status) && o->signal)
        snprintf(why, size, "was to be killed by signal %d", o->signal);
    else if (WIFEXITED(status) && WEXITSTATUS(status) != o->exit_code)
        snprintf(why, size, "status %d, not %d", WEXITSTATUS(status), o->exit_code);
    else if (!o->signal && !o->exit_code && !atomic_load(&now->done) && !atomic_load(&now->skipped))
        snprintf(why, size, "ended itself");
}

static void show(int output, const char *before)
{
    char *line = NULL;
    size_t room = 0;
    lseek(output, 0, SEEK_SET);
    FILE *file = fdopen(output, "r");
    while (file && getline(&line, &room, file) > 0)
        printf("%s%s%s", before, line, strchr(line, '\n') ? "" : "\n");
    free(line);
    if (file)
        fclose(file);
}

static bool run_case(const struct suite_case *it, unsigned number)
{
    char why[200];
    int status = 0, output = memfd_create("case", MFD_CLOEXEC);
    sigset_t child, mask;
    memset(now, 0, sizeof *now);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &mask);
    fflush(NULL);
    pid_t pid = output < 0 ? -1 : fork();
    if (pid == 0)
        be_the_case(it, output, &mask);
    if (pid < 0) {
        printf("Bail out! no process for a case: %s\n", strerror(errno));
        exit(1);
    }
    double limit = limit_of(it);
    if (await(pid, limit, &status))
        judge(it, status, why, sizeof why);
    else
        snprintf(why, sizeof why, "hangs: not done after %g s", limit);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    show(output, *why ? "# " : "  ");
    printf("%sok %u - %s::%s", *why ? "not " : "", number, it->suite, it->name);
    if (*why)
        printf(": %s", why);
    else if (atomic_load(&now->skipped))
        printf(" # SKIP%s", now->why);
    printf("\n");
    return !*why;
}

static bool is_wanted(const struct suite_case *it, const char *pattern)
{
    char name[400], part[420];
    if (!it->body)
        return false;
    snprintf(name, sizeof name, "%s/%s", it->suite, it->name);
    snprintf(part, sizeof part, "*%s*", pattern);
    return fnmatch(part, name, 0) == 0;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--list] [--only PATTERN] [--here] [--fail-fast]\n", program);
    return 2;
}

int suite_main(int argc, char **argv)
{
    const char *pattern = "";
    bool list = false, good = true, fast = false;
    unsigned count = 0, number = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list"))
            list = true;
        else if (!strcmp(argv[i], "--here"))
            here = true;
        else if (!strcmp(argv[i], "--fail-fast"))
            fast = true; /* the cases after one that fails do not run */
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            pattern = argv[++i];
        else
            return usage(argv[0]);
    }
    now = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (now == MAP_FAILED)
        return 99;
    for (struct suite_case *it = first; it; it = it->next)
        count += is_wanted(it, pattern);
    if (!list && !here)
        printf("TAP version 13\n1..%u%s\n", count, count ? "" : " # SKIP no case of that name");
    for (struct suite_case *it = first; it; it = it->next) {
        if (!is_wanted(it, pattern) || (fast && !good))
            continue;
        if (list)
            printf("%s/%s\n", it->suite, it->name);
        else if (here)
            run_here(it);
        else
            good &= run_case(it, ++number);
    }
    return here ? atomic_load(&now->failures) != 0 : !good;
}

/* A program may have its own. */
__attribute__((weak)) int main(int argc, char **argv)
{
    return suite_main(argc, argv);
}
