/* os/thread.c - owns the pthread key whose destructor says that a thread ends. */
#include "os/thread.h"

#include <pthread.h>
#include <signal.h>

WEIR__TLS char weir__thread_mark;

static pthread_key_t exit_key;
static pthread_once_t exit_once WEIR__AT_START = PTHREAD_ONCE_INIT;
static void (*exit_call)(void);
static bool exit_key_made;

static void exit_run(void *unused)
{
    (void)unused;
    weir__relaxed_get(exit_call)();
}

static void exit_init(void)
{
    exit_key_made = pthread_key_create(&exit_key, exit_run) == 0;
}

__attribute__((constructor)) static void exit_start(void)
{
    pthread_once(&exit_once, exit_init);
}

bool weir__thread_at_exit(void (*at_exit)(void))
{
    exit_start(); /* somebody's constructor may come before ours */
    weir__relaxed_set(exit_call, at_exit);
    return exit_key_made && pthread_setspecific(exit_key, &weir__thread_mark) == 0;
}

int weir__thread_start(pthread_t *thread, void *(*body)(void *))
{
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int error = pthread_create(thread, NULL, body, NULL);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return error;
}
