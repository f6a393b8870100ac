/*
 * preload/fork.c - weir's fork handlers stand outermost, whoever registered first: the
 * others' handlers run while weir can be used, and in the child none of them runs before
 * weir's own, which leave the parent's memory alone. All registrations of the process pass
 * glibc's __register_atfork; before the first of another goes through, weir's are made.
 *
 * _Fork runs no handlers: its child counts apart from its first operation on, unseen. So does
 * the child of a clone by the C library's syscall (preload/sandbox.c).
 */
#include "preload/image.h"
#include "preload/preload.h"

#include "alloc/context.h"

#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

typedef int atfork_register(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                            void *library);

PRELOAD_API atfork_register __register_atfork;

PRELOAD_API int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                                  void *library)
{
    static atfork_register *next; /* a race stores the same value */
    weir__allocator_check(&weir__cpu, NULL);
    if (!next)
        next = (atfork_register *)dlsym(RTLD_NEXT, "__register_atfork");
    return next ? next(prepare, parent, child, library) : ENOMEM;
}

/* Found early: a signal handler cannot look it up. */
static __typeof__(&_Fork) next_fork;

void preload_fork_start(void)
{
    next_fork = (__typeof__(&_Fork))dlsym(RTLD_NEXT, "_Fork");
}

PRELOAD_API pid_t _Fork(void)
{
    if (!next_fork)
        preload_fork_start();
    pid_t child = next_fork();
    if (child == 0)
        preload_image_check();
    return child;
}
