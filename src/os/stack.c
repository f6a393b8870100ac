/* os/stack.c - see stack.h. */
#include "os/stack.h"

#include "os/pages.h"

#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's random bytes lie just above the first stack pointer. To the end of their page. */
static uintptr_t initial_end(void)
{
    uintptr_t random = getauxval(AT_RANDOM);
    return random ? weir__round_up(random + 1, weir__os_page_size()) : 0;
}

uintptr_t weir__os_stack_end(uintptr_t sp, bool *grows)
{
    uintptr_t control = (uintptr_t)__builtin_thread_pointer();
    uintptr_t initial = initial_end();
    uintptr_t to_control = sp < control ? control - sp : UINTPTR_MAX;
    uintptr_t to_initial = sp < initial ? initial - sp : UINTPTR_MAX;
    *grows = to_initial <= to_control;
    if (to_control == UINTPTR_MAX && to_initial == UINTPTR_MAX)
        return 0;
    return *grows ? initial : weir__round_down(control, sizeof(void *));
}

/* The kernel reads the set before it looks at what is to be done with it, which is nothing it
 * knows. */
bool weir__os_readable(uintptr_t address)
{
    enum { NOTHING = -1, KERNEL_SET = 8 };
    int saved = errno;
    long done = syscall(SYS_rt_sigprocmask, NOTHING, address & ~(uintptr_t)7, NULL, KERNEL_SET);
    bool readable = done == 0 || errno != EFAULT;
    errno = saved;
    return readable;
}
