/*
 * A program takes every pthread key: threads that use weir come and go all the same, what they
 * cached comes back, and a context whose users' stacks are unmapped can be destroyed. `early`: it
 * takes them before weir could; `late`: in main, when weir has its own. By itself runs both.
 *
 * Fails before: "alloc: a thread whose end is not known has no heap".
 */
#include "../helpers/core.h"
#include "../helpers/self.h"
#include "alloc/context.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

enum { THREADS = 200, BLOCKS = 100 };

static void take_keys(void)
{
    pthread_key_t key;
    while (pthread_key_create(&key, NULL) == 0)
        continue;
}

/* Before weir's constructors. */
__attribute__((constructor(101))) static void start(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "early") == 0)
        take_keys();
}

static weir_allocator *context;

static void *work(void *unused)
{
    void *held[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        held[i] = weir_allocate(i % 2 ? context : weir_cpu_allocator(), 16 + i * 100);
    for (size_t i = 0; i < BLOCKS; i++)
        weir_deallocate(i % 2 ? context : weir_cpu_allocator(), held[i]);
    return unused;
}

/* Of threads: the common one may be there. */
static unsigned heaps_of(const weir_allocator *a)
{
    unsigned count = 0;
    for (const struct weir__link *link = a->body->heaps.first; link; link = link->next)
        count += weir__heap_of(link)->local != NULL;
    return count;
}

/* Larger than the stacks that glibc keeps, so unmapped at the end. */
static void threads_come_and_go(void)
{
    pthread_t thread;
    pthread_attr_t large;
    pthread_attr_init(&large);
    pthread_attr_setstacksize(&large, 64u << 20);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread, &large, work, NULL) || pthread_join(thread, NULL))
            _exit(99);
}

static int run(bool late)
{
    if (late)
        take_keys();
    context = weir_allocator_create(NULL);
    threads_come_and_go();
    unsigned heaps = heaps_of(context) + heaps_of(weir_cpu_allocator());
    if (heaps) {
        printf("%u heaps of %d ended threads are left\n", heaps, THREADS);
        return 1;
    }
    if (weir_total_allocated(context) || weir_allocator_destroy(context)) {
        puts("the context is not empty");
        return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"early", "late"};
    if (argc > 1)
        return run(strcmp(argv[1], "late") == 0);
    for (int i = 0; i < 2; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            self_exec((char *[]){argv[0], (char *)(uintptr_t)modes[i], NULL});
            _exit(98);
        }
        waitpid(child, &status, 0);
        if (status) {
            printf("%s: status %x\n", modes[i], (unsigned)status);
            return 1;
        }
    }
    return 0;
}
