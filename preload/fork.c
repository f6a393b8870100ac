/*
 * preload/fork.c - weir's fork handlers stand outermost, whichever was registered first: the
 * others' handlers run while weir can be used, and in the child none of them runs before
 * weir's own, which leave the parent's memory alone. All registrations of the process pass
 * glibc's __register_atfork; before the first of another goes through, weir's are made.
 *
 * _Fork and clone run no handlers: their children count apart from their first operation on,
 * unseen. So does the child of a clone by the C library's syscall (preload/sandbox.c).
 */
#include "preload/image.h"
#include "preload/preload.h"

#include "alloc/cpu.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
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
static __typeof__(&clone) next_clone;

void preload_fork_start(void)
{
    next_fork = (__typeof__(&_Fork))dlsym(RTLD_NEXT, "_Fork");
    next_clone = (__typeof__(&clone))dlsym(RTLD_NEXT, "clone");
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

struct beginning {
    int (*function)(void *);
    void *argument;
};

static int child_begin(void *from)
{
    struct beginning begin = *(const struct beginning *)from;
    preload_image_check();
    return begin.function(begin.argument);
}

/* Callers name what the flags ask for; the rest is whatever lies there, as in the C library. A
 * child with its own memory has a copy of this frame. */
PRELOAD_API int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
    struct beginning begin = {function, argument};
    bool apart = !(flags & CLONE_VM) && function;
    va_list list;
    va_start(list, argument);
    void *parent = va_arg(list, void *), *tls = va_arg(list, void *), *child = va_arg(list, void *);
    va_end(list);
    if (!next_clone)
        preload_fork_start();
    return next_clone(apart ? child_begin : function, stack, flags, apart ? &begin : argument,
                      parent, tls, child);
}
