/*
 * atfork [early]: fork handlers that allocate and free were registered before the first allocation
 * of the program (early: by a library that is initialized before the malloc; see atfork_early.c),
 * and threads allocate meanwhile. Expected: 100 forks, each child allocates and ends.
 */
#include "take.h"

#include <sys/wait.h>

static void *prepared[40];
static bool stop;

static void before(void)
{
    for (size_t i = 0; i < 40; i++)
        prepared[i] = TAKE((size_t)48 << i % 14);
}

static void after(void)
{
    for (size_t i = 0; i < 40; i++)
        GIVE(prepared[i]);
}

static void *worker_run(void *number)
{
    unsigned seed = (unsigned)(uintptr_t)number;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        void *block[30];
        for (int i = 0; i < 30; i++)
            block[i] = TAKE((size_t)rand_r(&seed) % 60000);
        for (int i = 0; i < 30; i++)
            GIVE(block[i]);
    }
    return NULL;
}

static int child_run(void)
{
    alarm(20);
    void *small = TAKE(1000), *large = TAKE(MIB);
    bool got = small && large;
    GIVE(small);
    GIVE(large);
    return got ? 7 : 1;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    (void)argv;
    if (argc < 2)
        pthread_atfork(before, after, after);
    alarm(40);
    for (uintptr_t i = 1; i <= 3; i++)
        if (pthread_create(&thread, NULL, worker_run, (void *)i))
            return 77;
    for (int round = 0; round < 100; round++) {
        int status;
        pid_t child = fork();
        if (child == 0)
            _exit(child_run());
        if (waitpid(child, &status, 0) != child || status != 7 << 8) {
            printf("fork %d: the child's status is %x\n", round, (unsigned)status);
            fflush(stdout);
            _exit(1);
        }
    }
    puts("100 forks");
    fflush(stdout);
    _exit(0);
}
