/*
 * preload_sandbox HOW: threads allocate, and hand blocks to each other, in a sandbox that
 * kills the process at any system call but those of memory, futex, read, write and the
 * end of threads.
 *   early    main enters it (prctl) before it starts the threads, which inherit it
 *   beside   threads that allocate already are put into it (syscall, TSYNC)
 *   late     the same with prctl and one thread alone; its memory is touched before
 *   refused  beside threads, by an instruction of its own, a filter that refuses membarrier
 *            with an error: nobody is told of it
 * Ends with 0, or by SIGSYS; 77: no filters here. Run by preload.sh.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define SYSTEM_CALL BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define KILL        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define MEMORY                                                                                     \
    ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect), ALLOW(madvise), ALLOW(brk),        \
        ALLOW(futex), ALLOW(read), ALLOW(write), ALLOW(exit), ALLOW(exit_group),                   \
        ALLOW(rt_sigprocmask)

enum { THREADS = 3, HELD = 300, POST = 64, ROUNDS = 400 };

static void *_Atomic post[POST];
static atomic_int started;
static atomic_bool entered;

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1664525 + 1013904223;
}

/* All sizes up to 1 MiB, most of them small. Every eighth block goes to another thread. */
static void round_of_blocks(unsigned *seed, char **held)
{
    for (int i = 0; i < HELD; i++) {
        unsigned random = next(seed);
        if (held[i] && random % 8 == 0)
            held[i] = atomic_exchange(&post[random / 8 % POST], held[i]);
        free(held[i]);
        size_t size = next(seed) >> (random & 7 << 8 ? 20 : 12);
        held[i] = malloc(size + 1);
        if (!held[i])
            _exit(3);
        held[i][size] = held[i][0] = 1;
    }
}

static void *work(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;
    char *held[HELD] = {0};
    started++;
    while (!entered)
        round_of_blocks(&seed, held);
    for (int round = 0; round < ROUNDS; round++)
        round_of_blocks(&seed, held);
    for (int i = 0; i < HELD; i++)
        free(held[i]);
    return NULL;
}

static void enter(const struct sock_filter *filter, size_t count, int beside)
{
    struct sock_fprog program = {(unsigned short)count, (struct sock_filter *)filter};
    int failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!failed && beside)
        failed =
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0;
    else if (!failed)
        failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    if (failed)
        _exit(77);
    entered = 1;
}

/* membarrier: EPERM. */
static void refuse(void)
{
    static const struct sock_filter filter[] = {
        SYSTEM_CALL, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {sizeof filter / sizeof *filter,
                                       (struct sock_filter *)filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_seccomp), "D"(SECCOMP_SET_MODE_FILTER),
                       "S"(SECCOMP_FILTER_FLAG_TSYNC), "d"(&program)
                     : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = SYS_seccomp;
    register long result __asm__("x0") = SECCOMP_SET_MODE_FILTER;
    register long x1 __asm__("x1") = SECCOMP_FILTER_FLAG_TSYNC;
    register const void *x2 __asm__("x2") = &program;
    __asm__ volatile("svc 0" : "+r"(result) : "r"(x8), "r"(x1), "r"(x2) : "memory");
#endif
    if (result)
        _exit(77);
    entered = 1;
}

static void threads_start(pthread_t *threads)
{
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)))
            _exit(4);
}

int main(int count, char **arguments)
{
    const char *how = count > 1 ? arguments[1] : "early";
    const struct sock_filter strict[] = {SYSTEM_CALL, MEMORY, KILL};
    const struct sock_filter threaded[] = {SYSTEM_CALL,
                                           MEMORY,
                                           ALLOW(clone),
                                           ALLOW(clone3),
                                           ALLOW(set_robust_list),
                                           ALLOW(rseq),
                                           ALLOW(rt_sigaction),
                                           ALLOW(prlimit64),
                                           KILL};
    pthread_t threads[THREADS];
    if (strcmp(how, "early") == 0) {
        enter(threaded, sizeof threaded / sizeof *threaded, 0);
        threads_start(threads);
    } else if (strcmp(how, "beside") == 0) {
        threads_start(threads);
        while (started < THREADS)
            free(malloc(100));
        enter(strict, sizeof strict / sizeof *strict, 1);
    } else if (strcmp(how, "refused") == 0) {
        threads_start(threads);
        while (started < THREADS)
            free(malloc(100));
        refuse();
    } else {
        enter(strict, sizeof strict / sizeof *strict, 0);
        work((void *)1);
    }
    for (size_t i = 0; i < THREADS && strcmp(how, "late") != 0; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < POST; i++)
        free(post[i]);
    static const char alive[] = "alive\n";
    return write(STDOUT_FILENO, alive, sizeof alive - 1) < 0;
}
