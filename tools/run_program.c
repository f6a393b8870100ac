/*
 * tools/run_program.c - starts the program and stands aside: its signals, its stops and its
 * end are as if it had been started itself.
 *
 * `weir run` stays the program's parent, in its process group. What is sent to the group
 * reaches the program by itself; what is sent to `weir run` alone must be passed on. Which
 * it was the signal does not say, so a second child, the witness, sits in the group with
 * every signal blocked: nobody knows of it, so what it gets was sent to the group. The
 * table in docs/run.md says what becomes of each kind of signal, and why this shape.
 */
#include "tools/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS      65
#define GROUP_WAIT_US 3000 /* for the rest of a signal to the group, and for the witness */
#define PACE_LEAST    1    /* ms between two looks at the processes: while things happen, */
#define PACE_MOST     40   /* and while they do not */

/* How often the witness got each signal. */
static uint32_t *witnessed;

static void nap(long us)
{
    struct timespec t = {0, us * 1000};
    nanosleep(&t, NULL);
}

/* -- the witness ---------------------------------------------------------------------------- */

static _Noreturn void witness_be(const sigset_t *all, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "weir-witness");
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    while (getppid() == parent) {
        int signal = sigwaitinfo(all, NULL);
        if (signal > 0 && signal < SIGNALS)
            __atomic_add_fetch(&witnessed[signal], 1, __ATOMIC_RELEASE);
    }
    _exit(0);
}

static void witness_start(struct run *run, const sigset_t *all)
{
    pid_t self = getpid();
    witnessed = mmap(NULL, SIGNALS * sizeof *witnessed, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    run->witness = witnessed == MAP_FAILED ? -1 : fork();
    if (run->witness == 0)
        witness_be(all, self);
}

static void witness_end(struct run *run)
{
    if (run->witness <= 0)
        return;
    kill(run->witness, SIGKILL);
    waitpid(run->witness, NULL, 0);
    run->witness = 0;
}

/* Does it have the signal without having been able to count it yet? */
static bool witness_has_pending(const struct run *run, int signal)
{
    char path[64], line[256];
    unsigned long long pending = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%d/status", run->witness);
    FILE *status = fopen(path, "re");
    if (!status)
        return false;
    while (fgets(line, sizeof line, status)) {
        sscanf(line, "SigPnd: %llx", &pending);
        sscanf(line, "ShdPnd: %llx", &shared);
    }
    fclose(status);
    return (pending | shared) >> (signal - 1) & 1;
}

/* How often the group got the signal since the last question. */
static unsigned witness_take(const struct run *run, int signal)
{
    static uint32_t taken[SIGNALS];
    if (run->witness <= 0)
        return 0;
    for (int i = 0; i < 20 && witness_has_pending(run, signal); i++)
        nap(500);
    uint32_t now = __atomic_load_n(&witnessed[signal], __ATOMIC_ACQUIRE);
    unsigned since = now - taken[signal];
    taken[signal] = now;
    if (!since && witness_has_pending(run, signal))
        since = 1; /* it is stopped */
    return since;
}

/* -- signals ---------------------------------------------------------------------------------- */

/* What arrived at `weir run` and was not decided yet. */
struct arrived {
    unsigned count[SIGNALS];
    struct signalfd_siginfo last[SIGNALS];
};

static bool arrived_read(int from, struct arrived *a)
{
    struct signalfd_siginfo got;
    bool any = false;
    while (read(from, &got, sizeof got) == sizeof got)
        if (got.ssi_signo != SIGCHLD && got.ssi_signo < SIGNALS) {
            a->count[got.ssi_signo]++;
            a->last[got.ssi_signo] = got;
            any = true;
        }
    return any;
}

static void pass_on(const struct run *run, int signal, const struct signalfd_siginfo *about)
{
    if (about->ssi_code == SI_QUEUE) {
        union sigval value = {.sival_ptr = (void *)(uintptr_t)about->ssi_ptr};
        sigqueue(run->pid, signal, value);
    } else {
        kill(run->pid, signal);
    }
}

/* Signals to the group reached the program; the others are passed on. Of one kind that came
 * both ways at about one time, as from timeout(1), one arrives, as it would have. */
static void signals_pass_on(const struct run *run, int from)
{
    struct arrived a = {0};
    if (!arrived_read(from, &a))
        return;
    nap(GROUP_WAIT_US);
    arrived_read(from, &a);
    for (int signal = 1; signal < SIGNALS; signal++) {
        if (!a.count[signal])
            continue;
        unsigned group = witness_take(run, signal);
        bool queued = signal >= SIGRTMIN;
        unsigned direct = queued ? a.count[signal] - (group < a.count[signal] ? group : a.count[signal])
                          : group ? 0
                                  : 1;
        while (direct--)
            pass_on(run, signal, &a.last[signal]);
    }
}

/* -- its life --------------------------------------------------------------------------------- */

/* In the child. Its signals are as they were when weir run was started. */
static _Noreturn void program_become(const struct run *run, const sigset_t *mask,
                                     const struct sigaction *child)
{
    run_memory_export(run);
    sigaction(SIGCHLD, child, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(run->command[0], run->command);
    int error = errno;
    fprintf(stderr, "weir run: %s: %s\n", run->command[0], strerror(error));
    _exit(error == ENOENT ? 127 : 126);
}

/* The program stopped: so do we, that the shell sees it. Who lets us go on lets the program
 * go on, too, or the signal is passed on to it. */
static void stop_with_it(struct run *run)
{
    run_watch_look(run->watch);
    kill(getpid(), SIGSTOP);
}

/* Children that are not ours to wait for come to who is process 1 of a container. */
static bool program_has_ended(struct run *run)
{
    int status;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG | WUNTRACED, &usage)) > 0) {
        if (pid == run->witness && !WIFSTOPPED(status))
            run->witness = 0;
        if (pid != run->pid)
            continue;
        if (!WIFSTOPPED(status)) {
            run->status = status;
            run->usage = usage;
            run->ended = run_clock();
            return true;
        }
        stop_with_it(run);
    }
    return false;
}

static void program_await(struct run *run, int signals)
{
    int pace = PACE_LEAST;
    while (!program_has_ended(run)) {
        struct pollfd on[] = {{.fd = signals, .events = POLLIN},
                              {.fd = run->listener, .events = POLLIN}};
        int ready = poll(on, 2, pace);
        if (ready > 0 && on[1].revents)
            run_memory_answer(run);
        if (ready > 0 && on[0].revents)
            signals_pass_on(run, signals);
        bool busy = run_watch_look(run->watch);
        pace = busy ? PACE_LEAST : pace < PACE_MOST ? pace + pace / 2 + 1 : PACE_MOST;
    }
}

bool run_program(struct run *run)
{
    sigset_t all, before;
    struct sigaction child;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* our own faults end us all the same */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &child); /* else no status */
    int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    witness_start(run, &all);
    run->started = run_clock();
    run->pid = signals < 0 ? -1 : fork();
    if (run->pid < 0) {
        fprintf(stderr, "weir run: fork: %s\n", strerror(errno));
        witness_end(run);
        return false;
    }
    if (run->pid == 0)
        program_become(run, &before, &child);
    program_await(run, signals);
    witness_end(run);
    close(signals);
    return true;
}

int run_end_like_it(const struct run *run)
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
