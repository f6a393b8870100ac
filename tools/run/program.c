/*
 * tools/run/program.c - starts the program and stands aside: its signals, its stops and its
 * end are as if it had been started itself.
 *
 * `weir run` stays the program's parent, in its process group. What is sent to the group
 * reaches the program by itself; what is sent to `weir run` alone must be passed on. Which
 * it was the signal does not say, so a second child, the witness, sits in the group with
 * every signal blocked: nobody knows of it, so what it gets was sent to the group. The
 * table in docs/guide/run.md says what becomes of each kind of signal, and why this shape.
 */
#include "tools/run/run.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS       65
#define GROUP_WAIT_US 3000 /* for the rest of a signal to the group */
#define GROUP_KEPT_NS UINT64_C(100000000)
#define PACE_LEAST    1  /* ms between two looks at the processes: while things happen, */
#define PACE_MOST     40 /* and while they do not */

static void nap(long us)
{
    struct timespec t = {0, us * 1000};
    nanosleep(&t, NULL);
}

/* -- the witness ---------------------------------------------------------------------------- */

/* What is sent to the group is pending in the witness before the sender goes on, so it need not
 * run to have it. When it is asked it takes what is pending, and counts. */
static struct witnessed {
    uint32_t asked, answered; /* questions; atomic */
    uint32_t count[SIGNALS];
} * witnessed;

static void futex(uint32_t *word, int operation, uint32_t value, const struct timespec *patience)
{
    syscall(SYS_futex, word, operation, value, patience, NULL, 0);
}

static _Noreturn void witness_be(const sigset_t *all, pid_t parent)
{
    static const struct timespec none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "weir-witness");
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    for (uint32_t answered = 0; getppid() == parent;) {
        uint32_t asked = __atomic_load_n(&witnessed->asked, __ATOMIC_ACQUIRE);
        if (asked == answered) {
            futex(&witnessed->asked, FUTEX_WAIT, asked, NULL);
            continue;
        }
        for (int signal; (signal = sigtimedwait(all, NULL, &none)) > 0;)
            if (signal < SIGNALS)
                witnessed->count[signal]++;
        answered = asked;
        __atomic_store_n(&witnessed->answered, answered, __ATOMIC_RELEASE);
        futex(&witnessed->answered, FUTEX_WAKE, 1, NULL);
    }
    _exit(0);
}

static void witness_start(struct run *run, const sigset_t *all)
{
    pid_t self = getpid();
    witnessed =
        mmap(NULL, sizeof *witnessed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
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

/* The signals that are pending in it, a bit each. False: the system does not tell. */
static bool witness_pending(const struct run *run, unsigned long long *pending)
{
    char path[64], line[256];
    unsigned long long own = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%d/status", run->witness);
    FILE *status = fopen(path, "re");
    if (!status)
        return false;
    while (fgets(line, sizeof line, status)) {
        sscanf(line, "SigPnd: %llx", &own);
        sscanf(line, "ShdPnd: %llx", &shared);
    }
    fclose(status);
    *pending = own | shared;
    return true;
}

/* How often the group got each signal since the last question. The witness may be stopped:
 * then what is pending counts as once, and the next question finds it no more. */
static void witness_ask(const struct run *run, unsigned counts[SIGNALS])
{
    static uint32_t taken[SIGNALS];
    unsigned long long pending = 0;
    memset(counts, 0, SIGNALS * sizeof *counts);
    if (run->witness <= 0 || (witness_pending(run, &pending) && !pending))
        return;
    uint32_t question = __atomic_add_fetch(&witnessed->asked, 1, __ATOMIC_RELEASE);
    futex(&witnessed->asked, FUTEX_WAKE, 1, NULL);
    for (int i = 0; i < 100; i++) {
        uint32_t answered = __atomic_load_n(&witnessed->answered, __ATOMIC_ACQUIRE);
        if (answered == question)
            break;
        futex(&witnessed->answered, FUTEX_WAIT, answered, &(struct timespec){0, 1000000});
    }
    for (int signal = 1; signal < SIGNALS; signal++) {
        counts[signal] = witnessed->count[signal] - taken[signal];
        if (!counts[signal] && pending >> (signal - 1) & 1)
            counts[signal] = 1;
        taken[signal] += counts[signal];
    }
}

/* -- signals ---------------------------------------------------------------------------------- */

/* What arrived at `weir run` and was not decided yet. */
struct arrived {
    unsigned count[SIGNALS];
    struct signalfd_siginfo last[SIGNALS];
};

/* Not what the kernel tells of our children, and not what our own writes come to. */
static bool is_for_the_program(const struct signalfd_siginfo *got)
{
    if (got->ssi_signo >= SIGNALS)
        return false;
    if (got->ssi_signo == SIGCHLD)
        return got->ssi_code <= 0;
    return !(got->ssi_signo == SIGXFSZ && got->ssi_pid == (uint32_t)getpid());
}

/* Where there is no descriptor left for them, the signals are asked for. */
static bool signal_read(int from, struct signalfd_siginfo *got)
{
    if (from >= 0)
        return read(from, got, sizeof *got) == sizeof *got;
    sigset_t all;
    siginfo_t about;
    sigfillset(&all);
    int signal = sigtimedwait(&all, &about, &(struct timespec){0, 0});
    *got = (struct signalfd_siginfo){.ssi_signo = (uint32_t)signal,
                                     .ssi_code = about.si_code,
                                     .ssi_pid = (uint32_t)about.si_pid,
                                     .ssi_ptr = (uint64_t)(uintptr_t)about.si_value.sival_ptr};
    return signal > 0;
}

static bool arrived_read(int from, struct arrived *a)
{
    struct signalfd_siginfo got;
    bool any = false;
    while (signal_read(from, &got))
        if (is_for_the_program(&got)) {
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

/* SIGCONT takes pending stops away, and a stop a pending SIGCONT: of these the witness may
 * have the latest alone. */
static void group_complete(unsigned group[SIGNALS])
{
    static const int job[] = {SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU};
    unsigned any = 0;
    for (size_t i = 0; i < sizeof job / sizeof *job; i++)
        any |= group[job[i]];
    for (size_t i = 0; i < sizeof job / sizeof *job && any; i++)
        group[job[i]] = 1;
}

/* The witness may have a signal to the group before `weir run` has read it: it is kept for when
 * it has, which is soon. */
static void group_keep(unsigned group[SIGNALS], const struct arrived *a)
{
    static unsigned kept[SIGNALS];
    static uint64_t kept_at[SIGNALS];
    uint64_t now = run_clock();
    for (int signal = 1; signal < SIGNALS; signal++) {
        if (kept[signal] && now - kept_at[signal] < GROUP_KEPT_NS)
            group[signal] += kept[signal];
        unsigned matched = group[signal] < a->count[signal] ? group[signal] : a->count[signal];
        kept[signal] = group[signal] - matched;
        if (signal < SIGRTMIN && a->count[signal])
            kept[signal] = 0; /* they do not queue */
        kept_at[signal] = now;
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
    unsigned group[SIGNALS];
    witness_ask(run, group);
    arrived_read(from, &a); /* what the witness had by then has arrived here, too */
    group_keep(group, &a);
    group_complete(group);
    for (int signal = 1; signal < SIGNALS; signal++) {
        unsigned count = a.count[signal], of_group = group[signal];
        if (signal < SIGRTMIN)
            count = count && !of_group; /* they do not queue */
        else
            count -= of_group < count ? of_group : count;
        while (count--)
            pass_on(run, signal, &a.last[signal]);
    }
}

/* -- its life --------------------------------------------------------------------------------- */

/* In a child of vfork, which spares the program the page faults of a copy. Its signals are as
 * they were when weir run was started. */
static _Noreturn void program_become(const struct run *run, const struct sigaction *child)
{
    sigaction(SIGCHLD, child, NULL);
    sigprocmask(SIG_SETMASK, &run->mask, NULL);
    execvp(run->command[0], run->command);
    int error = errno;
    fprintf(stderr, "weir run: %s: %s\n", run->command[0], strerror(error));
    _exit(error == ENOENT ? 127 : 126);
}

/* The program stopped: so do we, that the shell sees it. Who lets us go on lets the program
 * go on, too, or the signal is passed on to it. */
static void stop_with_it(struct run *run, int signal)
{
    sigset_t one;
    run_watch_look(run->watch);
    sigemptyset(&one);
    sigaddset(&one, signal);
    raise(signal);
    sigprocmask(SIG_UNBLOCK, &one, NULL); /* here we stop, by the same signal */
    sigprocmask(SIG_BLOCK, &one, NULL);
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
        stop_with_it(run, WSTOPSIG(status));
    }
    return false;
}

static void program_await(struct run *run, int signals)
{
    int pace = PACE_LEAST;
    while (!program_has_ended(run)) {
        struct pollfd on[] = {{.fd = signals, .events = POLLIN},
                              {.fd = run->listener, .events = POLLIN},
                              {.fd = run_serve_descriptor(run), .events = POLLIN}};
        int ready = poll(on, 3, pace);
        if (ready > 0 && on[1].revents)
            run_memory_answer(run);
        if (signals < 0 || (ready > 0 && on[0].revents))
            signals_pass_on(run, signals);
        bool busy = run_watch_look(run->watch);
        run_serve_answer(run);
        pace = busy ? PACE_LEAST : pace < PACE_MOST ? pace + pace / 2 + 1 : PACE_MOST;
    }
}

/* Signals come before strangers: where descriptors are few the listener goes. -1: there is none
 * at all. */
static __attribute__((noinline)) int signals_open(struct run *run, const sigset_t *all)
{
    int signals = signalfd(-1, all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals >= 0 || run->listener < 0)
        return signals;
    close(run->listener);
    run->listener = -1;
    return signalfd(-1, all, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool run_program(struct run *run)
{
    sigset_t all;
    struct sigaction child;
    sigfillset(&all);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &child); /* else no status */
    int signals = signals_open(run, &all);
    witness_start(run, &all);
    run->started = run_clock();
    run_memory_export(run);
    /* The child shares the memory until it becomes the program or ends, which is what is wanted: it
     * costs no copy, and program_become writes nothing that this function reads. */
    pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (pid == 0)
        program_become(run, &child); // NOLINT(clang-analyzer-unix.Vfork): it does not return
    run->pid = pid;
    if (pid < 0) {
        fprintf(stderr, "weir run: fork: %s\n", strerror(errno));
        witness_end(run);
        return false;
    }
    program_await(run, signals);
    witness_end(run);
    if (signals >= 0)
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
