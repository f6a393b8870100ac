/*
 * A process's life with malloc: threads that come and go and free each other's blocks,
 * forks out of many threads, children by vfork and posix_spawn, blocks in constructors
 * and in exit handlers, keys whose destructors allocate. Knows nothing of weir.
 *
 *   preload_life threads|forks|spawn|exit|leak
 */
#include "../helpers/core.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *early; /* from a constructor */

__attribute__((constructor(101))) static void before_main(void)
{
    early = malloc(1000);
    memset(early, 1, 1000);
}

static void fail(const char *what)
{
    fprintf(stderr, "preload_life: %s\n", what);
    exit(1);
}

/* -- threads ------------------------------------------------------------------------- */

#define SLOTS 512
static _Atomic(void *) exchange[SLOTS]; /* blocks that anyone may take and free */
static pthread_key_t key;

static void key_gone(void *block)
{
    free(block);
    if (pthread_setspecific(key, NULL) != 0)
        fail("pthread_setspecific");
    char *last = strdup("from a destructor");
    free(last);
}

static void *churn(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    pthread_setspecific(key, malloc(100));
    for (int i = 0; i < 3000; i++) {
        state = state * 1103515245u + 12345u;
        size_t size = (state >> 10) % ((state >> 27) ? 600 : 60000) + 1;
        unsigned char *block = malloc(size);
        if (!block)
            fail("malloc returned NULL");
        block[0] = block[size - 1] = 0x5a;
        void *other = atomic_exchange(&exchange[(state >> 5) % SLOTS], block);
        if (other && *(unsigned char *)other != 0x5a)
            fail("a block was overwritten");
        free(other);
    }
    return NULL;
}

static void threads(void)
{
    pthread_key_create(&key, key_gone);
    for (int round = 0; round < 25; round++) {
        pthread_t thread[8];
        for (size_t i = 0; i < 8; i++)
            pthread_create(&thread[i], NULL, churn, (void *)(i + 8 * (size_t)round + 1));
        for (int i = 0; i < 8; i++)
            pthread_join(thread[i], NULL);
    }
}

/* Threads by the thousand must leave nothing behind. */
static void *short_lived(void *unused)
{
    free(malloc(200));
    return unused;
}

static long resident_pages(void)
{
    long total, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2)
        fail("statm");
    fclose(file);
    return resident;
}

static void leak(void)
{
    pthread_key_create(&key, key_gone);
    long before = 0;
    for (int i = 0; i < 4000; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, i % 2 ? churn : short_lived, NULL) != 0)
            fail("pthread_create");
        pthread_join(thread, NULL);
        if (i == 400)
            before = resident_pages();
        if (i > 400)
            i += i % 2 ? 0 : 8; /* mostly short ones */
    }
    if (resident_pages() > before + 2500)
        fail("threads that ended left memory behind");
}

/* -- children ------------------------------------------------------------------------ */

static atomic_int stop;

static void *busy(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    while (!stop) {
        void *blocks[50];
        for (int i = 0; i < 50; i++) {
            state = state * 1103515245u + 12345u;
            blocks[i] = malloc((state >> 10) % 30000);
        }
        for (int i = 0; i < 50; i++)
            free(blocks[i]);
    }
    return NULL;
}

static int ended_well(pid_t child)
{
    int status;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void child_work(int depth)
{
    void *blocks[200];
    for (size_t i = 0; i < 200; i++)
        blocks[i] = malloc(i * i);
    for (size_t i = 0; i < 200; i++)
        free(blocks[i]);
    if (depth == 0)
        return;
    pthread_t thread;
    if (pthread_create(&thread, NULL, short_lived, NULL) != 0)
        _exit(3);
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0) {
        child_work(depth - 1);
        _exit(0);
    }
    if (!ended_well(child))
        _exit(4);
}

static void forks(void)
{
    pthread_t thread[3];
    alarm(HANG_SECONDS); /* a child that hangs kills the test */
    for (size_t i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, busy, (void *)(i + 1));
    for (int i = 0; i < 150; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(HANG_SECONDS);
            child_work(i % 10 == 0 ? 2 : 0);
            if (i % 2)
                _exit(0);
            exit(0);
        }
        if (!ended_well(child))
            fail("a forked child did not end well");
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
}

static void spawn(void)
{
    extern char **environ;
    char *arguments[] = {"true", NULL};
    for (int i = 0; i < 20; i++) {
        pid_t child;
        if (posix_spawnp(&child, "true", NULL, NULL, arguments, environ) != 0 || !ended_well(child))
            fail("posix_spawn");
        child = vfork();
        if (child == 0) {
            execlp("true", "true", (char *)NULL);
            _exit(1);
        }
        if (!ended_well(child))
            fail("vfork and exec");
        child = vfork();
        if (child == 0) {
            execl("/nonexistent/program", "program", (char *)NULL);
            _exit(0);
        }
        if (!ended_well(child))
            fail("vfork and an exec that fails");
        free(malloc(1000));
    }
}

/* -- the end --------------------------------------------------------------------------- */

static void *kept;

static void at_exit(void)
{
    free(kept);
    kept = malloc(100000);
    memset(kept, 2, 100000);
}

__attribute__((destructor)) static void after_main(void)
{
    free(early);
    free(kept);
    free(malloc(10));
    static const char line[] = "destructor ran\n";
    if (write(1, line, sizeof line - 1) < 0)
        _exit(9);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    kept = malloc(50);
    atexit(at_exit);
    if (strcmp(what, "threads") == 0)
        threads();
    else if (strcmp(what, "forks") == 0)
        forks();
    else if (strcmp(what, "spawn") == 0)
        spawn();
    else if (strcmp(what, "leak") == 0)
        leak();
    else if (strcmp(what, "exit") != 0)
        fail("usage: preload_life threads|forks|spawn|leak|exit");
    return 0;
}
