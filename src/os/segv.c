/* os/segv.c - see segv.h. */
#include "os/segv.h"

#include "base/coverage.h"
#include "os/locks.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <ucontext.h>

static struct {
    weir__lock lock;
    uint32_t version;         /* atomic; odd while `program` is written */
    struct sigaction program; /* what the program has */
    weir__sigaction *set;     /* NULL: nobody will install it. Atomic; once set it stays */
    bool installed;           /* the same */
    weir__segv_looker *look;  /* set before that */
} segv WEIR__AT_START = {.lock = WEIR__LOCK(SIGNAL)};
WEIR__LOCKS_KNOW(SIGNAL, &segv.lock);

/* -- what the kernel says --------------------------------------------------------------------- */

#if defined(__x86_64__)

static int fault_writes(const ucontext_t *context)
{
    return (context->uc_mcontext.gregs[REG_ERR] & 2) != 0;
}

static const void *fault_code(const ucontext_t *context)
{
    return (const void *)(uintptr_t)
        context->uc_mcontext.gregs[REG_RIP]; // NOLINT(performance-no-int-to-ptr)
}

#elif defined(__aarch64__)

/* Records in the reserved part, each with its magic and size; one has the syndrome. */
static int fault_writes(const ucontext_t *context)
{
    enum { MAGIC = 0x45535201, WRITE = 1 << 6 };
    const unsigned char *at = context->uc_mcontext.__reserved;
    const unsigned char *end = at + sizeof context->uc_mcontext.__reserved;
    uint32_t head[2];
    uint64_t syndrome;
    while (end - at >= (ptrdiff_t)(sizeof head + sizeof syndrome)) {
        memcpy(head, at, sizeof head);
        memcpy(&syndrome, at + sizeof head, sizeof syndrome);
        if (head[0] == MAGIC)
            return (syndrome & WRITE) != 0;
        if (head[1] < sizeof head || head[1] > (size_t)(end - at))
            break;
        at += head[1];
    }
    return -1;
}

static const void *fault_code(const ucontext_t *context)
{
    return (const void *)(uintptr_t)context->uc_mcontext.pc; // NOLINT(performance-no-int-to-ptr)
}

#else

static int fault_writes(const ucontext_t *context)
{
    (void)context;
    return -1;
}

static const void *fault_code(const ucontext_t *context)
{
    (void)context;
    return NULL;
}

#endif

/* -- the handler ------------------------------------------------------------------------------ */

static bool has_handler(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

/* Whole, but where one thread sets it again and again: then the latest try. */
static struct sigaction program_get(void)
{
    struct sigaction copy;
    for (int tries = 0; tries < 1000; tries++) {
        uint32_t before = __atomic_load_n(&segv.version, __ATOMIC_ACQUIRE);
        memcpy(&copy, &segv.program, sizeof copy);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (before % 2 == 0 && weir__relaxed_get(segv.version) == before)
            break;
    }
    return copy;
}

static void program_call(const struct sigaction *program, int signal, siginfo_t *info,
                         void *context)
{
    if (program->sa_flags & SA_SIGINFO)
        program->sa_sigaction(signal, info, context);
    else
        program->sa_handler(signal);
}

/* The signal again, for which there is SIG_DFL now: of a fault by the instruction, of one that
 * somebody sent by sending it. */
static void end_as_default(int signal, const siginfo_t *info)
{
    struct sigaction none = {.sa_handler = SIG_DFL};
    sigset_t mask;
    segv.set(signal, &none, NULL);
    weir__coverage_keep();
    if (info->si_code > 0)
        return;
    sigemptyset(&mask);
    sigaddset(&mask, signal);
    pthread_kill(pthread_self(), signal);
    pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
}

/* One that is sent and ignored is ignored; a fault cannot be. */
static void on_segv(int signal, siginfo_t *info, void *context)
{
    int saved = errno;
    if (info->si_code > 0)
        segv.look(info->si_addr, fault_writes(context), fault_code(context));
    struct sigaction program = program_get();
    if (has_handler(&program)) {
        if (program.sa_flags & SA_RESETHAND)
            weir__segv_action(&(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        errno = saved;
        program_call(&program, signal, info, context);
    } else if (info->si_code > 0 || program.sa_handler == SIG_DFL) {
        end_as_default(signal, info);
    }
    errno = saved;
}

/* -- setting ---------------------------------------------------------------------------------- */

static void kernel_set_locked(void)
{
    weir__assert(weir__lock_is_mine(&segv.lock));
    struct sigaction ours = segv.program;
    ours.sa_flags = (int)((unsigned)ours.sa_flags & ~(unsigned)SA_RESETHAND) | SA_SIGINFO;
    if (!has_handler(&segv.program)) {
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&ours.sa_mask);
    }
    ours.sa_sigaction = on_segv;
    segv.set(SIGSEGV, &ours, NULL);
}

static void program_set_locked(const struct sigaction *program)
{
    weir__assert(weir__lock_is_mine(&segv.lock));
    weir__relaxed_set(segv.version, segv.version + 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    segv.program = *program;
    __atomic_store_n(&segv.version, segv.version + 1, __ATOMIC_RELEASE);
}

static void lock_take(sigset_t *former)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, former);
    weir__lock_take(&segv.lock);
}

static void lock_drop(const sigset_t *former)
{
    weir__lock_drop(&segv.lock);
    pthread_sigmask(SIG_SETMASK, former, NULL);
}

void weir__segv_expect(weir__sigaction *set)
{
    __atomic_store_n(&segv.set, set, __ATOMIC_RELEASE);
}

int weir__segv_install(weir__segv_looker *look)
{
    struct sigaction program;
    sigset_t mask;
    int error = 0;
    weir__assert(segv.set);
    lock_take(&mask);
    if (!segv.installed) {
        error = segv.set(SIGSEGV, NULL, &program) ? errno : 0;
        if (!error) {
            program_set_locked(&program);
            segv.look = look;
            __atomic_store_n(&segv.installed, true, __ATOMIC_RELEASE);
            kernel_set_locked();
        }
    }
    lock_drop(&mask);
    return error;
}

bool weir__segv_is_expected(void)
{
    return __atomic_load_n(&segv.set, __ATOMIC_ACQUIRE) != NULL;
}

int weir__segv_action(const struct sigaction *action, struct sigaction *former)
{
    sigset_t mask;
    struct sigaction to = action ? *action : (struct sigaction){0}; /* before `former`, its own */
    int status = 0;
    lock_take(&mask);
    if (!segv.installed) {
        status = segv.set(SIGSEGV, action, former);
    } else {
        if (former)
            *former = segv.program;
        if (action) {
            program_set_locked(&to);
            kernel_set_locked();
        }
    }
    lock_drop(&mask);
    return status;
}
