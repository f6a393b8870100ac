/*
 * A kernel that refuses membarrier after it was tried with success: the process ends with one
 * line; where fences are optional it goes on without them, exact. The refusal is made up: this
 * program's own syscall. A process each.
 *
 * Fails before: "os: a refused fence stops the process".
 */
#include "../helpers/stress.h"
#include "alloc/context.h"
#include "os/fence.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static atomic_bool refusing, looked;
static atomic_uint asked;

long syscall(long number, ...)
{
    long a[4];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_membarrier && refusing) {
        asked++;
        errno = EPERM;
        return -1;
    }
    long result;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = a[3];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10)
                     : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a[0];
    register long x1 __asm__("x1") = a[1];
    register long x2 __asm__("x2") = a[2];
    register long x3 __asm__("x3") = a[3];
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    result = x0;
#endif
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

/* Somebody at the peak all the time, so that windows are closed and opened. One waits until its
 * window was closed by who looks at the figures. */
static void *work(void *number)
{
    uint64_t random = (uintptr_t)number;
    void *held[30] = {0};
    for (unsigned i = 0; i < 60000; i++) {
        void **place = &held[random_below(&random, 30)];
        weir_deallocate(weir_cpu_allocator(), *place);
        *place = weir_allocate(weir_cpu_allocator(), random_size(&random, 20000));
        if (number == (void *)0 && i == 20000) {
            refusing = true;
            while (!looked)
                sched_yield();
        }
    }
    for (unsigned i = 0; i < 30; i++)
        weir_deallocate(weir_cpu_allocator(), held[i]);
    return NULL;
}

static int run(void)
{
    pthread_t threads[3];
    if (!weir__os_fence_available())
        return 77;
    size_t before = stress_stats(weir_cpu_allocator()).total_allocated;
    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    while (!refusing)
        sched_yield();
    weir_total_allocated(weir_cpu_allocator());
    looked = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    STRESS_EXPECT(stress_stats(weir_cpu_allocator()).total_allocated == before, "not exact");
    STRESS_EXPECT(weir__meter_is_valid(), "not valid");
    STRESS_EXPECT(asked > 0, "nobody fenced");
    return 0;
}

static int status_of(bool optional, char *said, size_t size)
{
    int ends[2], status = -1;
    if (pipe(ends))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        if (optional)
            weir__os_fence_optional();
        int result = run();
        if (!result && optional && (asked > 4 || weir__os_fence_available()))
            result = 2;
        _exit(result);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], said, size - 1);
    said[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    return status;
}

int main(void)
{
    char said[1000];
    int status = status_of(true, said, sizeof said);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return 77;
    if (status || *said) {
        printf("optional: status %x, said: %s\n", (unsigned)status, said);
        return 1;
    }
    status = status_of(false, said, sizeof said);
    const char *end = strchr(said, '\n');
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strncmp(said, "weir: ", 6) != 0 ||
        !end || end[1]) {
        printf("status %x, said: %s\n", (unsigned)status, said);
        return 1;
    }
    return 0;
}
