/*
 * preload/system_call.h - system calls in instructions of our own: the C library's names for them
 * are ours, or the program's filter would see others. No state; any thread, any signal handler.
 */
#ifndef WEIR_PRELOAD_SYSTEM_CALL_H
#define WEIR_PRELOAD_SYSTEM_CALL_H

#include "base/bits.h"

#include <errno.h>

#if defined(__x86_64__) || defined(__aarch64__)

WEIR__INLINE long preload_system_call_raw(long number, long a, long b, long c, long d, long e,
                                          long f)
{
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#endif
}

/* -1 with errno. */
WEIR__INLINE long preload_system_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result = preload_system_call_raw(number, a, b, c, d, e, f);
    if (weir__likely((unsigned long)result < -4095ul))
        return result;
    errno = (int)-result;
    return -1;
}

#endif
#endif
