/*
 * os/stack.h - where a thread's stack ends, and whether memory can be read. No state. Any thread,
 * any signal handler; errno is kept. Neither allocates nor takes a lock.
 */
#ifndef WEIR_OS_STACK_H
#define WEIR_OS_STACK_H

#include "base/bits.h"

/*
 * The end of the stack that the calling thread was started with, if `sp` can be on it; else 0. A
 * guess from two addresses that are known without asking: of the initial thread what the kernel
 * put above the first stack pointer, of any other its control block, which lies at the end of its
 * stack. Whether what lies between can be read is for the caller to find out. *grows: its memory
 * comes as it is used, as that of the initial thread does. No system call.
 */
uintptr_t weir__os_stack_end(uintptr_t sp, bool *grows);

/* Can the word there be read? One system call, about 100 ns, which changes nothing. */
bool weir__os_readable(uintptr_t address);

#endif
