/*
 * cost steady   two million blocks in their steady state between two marks (getpriority(99, 0))
 * cost threads  the same in four threads that are there before
 * cost idle     blocks, and long computing between them, between the marks
 * cost fork     200 MB of blocks, a fork, and both write to all: prints the faults of that
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static void mark(void)
{
    syscall(SYS_getpriority, 99, 0);
}

static void churn(int rounds)
{
    static __thread void *blocks[200];
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < 200; i++) {
            free(blocks[i]);
            blocks[i] = malloc((size_t)(16 + i * 37 % 900));
        }
}

static void *work(void *user)
{
    churn(100);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    churn(1500);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* the end of a thread is after the mark */
    return user;
}

static long faults(void)
{
    struct rusage own, children;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return own.ru_minflt + children.ru_minflt;
}

#define BLOCKS 200000

static void large_fork(void)
{
    static char *blocks[BLOCKS];
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i] = malloc(1000), 1, 1000);
    long before = faults();
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < BLOCKS; i++)
            memset(blocks[i], 2, 1000);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i], 3, 1000);
    printf("%ld\n", faults() - before);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "steady") == 0) {
        churn(500);
        mark();
        churn(10000);
        mark();
    } else if (strcmp(what, "idle") == 0) {
        churn(500);
        mark();
        churn(1000);
        for (int i = 0; i < 3; i++) {
            for (volatile long spin = 0; spin < 100000000; spin++)
                ;
            churn(1000);
        }
        mark();
    } else if (strcmp(what, "threads") == 0) {
        pthread_t threads[4];
        pthread_barrier_init(&barrier, NULL, 5);
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, work, NULL);
        pthread_barrier_wait(&barrier);
        mark();
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        mark();
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    } else if (strcmp(what, "fork") == 0) {
        large_fork();
    }
    return 0;
}
