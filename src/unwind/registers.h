/*
 * unwind/registers.h - what differs between machines: the registers that matter, their numbers in
 * DWARF, how to read one's own, and where a signal's frame has those of who was interrupted. No
 * state.
 */
#ifndef WEIR_UNWIND_REGISTERS_H
#define WEIR_UNWIND_REGISTERS_H

#include "base/atomic.h"
#include "base/bits.h"

#include <ucontext.h>

struct weir__registers {
    uint64_t pc; /* a return address, or the address plus 1 (unwind/rule.h) */
    uint64_t sp, fp;
    uint64_t lr; /* where the machine has one, and it is known; else 0 */
};

/* A word of a stack, whatever lies there: AddressSanitizer has marks between the variables. */
WEIR__UNSEEN uint64_t weir__stack_word(const void *at)
{
    return weir__relaxed_get(*(const uint64_t *)at);
}

#if defined(__x86_64__)
#define WEIR__UNWIND_SUPPORTED  1
#define WEIR__HAS_LINK_REGISTER 0
enum { WEIR__DWARF_FP = 6, WEIR__DWARF_SP = 7, WEIR__DWARF_RA = 16 };

/* The caller's own, here. */
WEIR__INLINE struct weir__registers weir__registers_here(void)
{
    struct weir__registers r = {0};
    __asm__ volatile("lea (%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
                     : "=&r"(r.pc), "=&r"(r.sp), "=&r"(r.fp));
    return r;
}

/* Of the function that it is in, whose frame is left out where that costs less. */
WEIR__INLINE struct weir__registers weir__registers_leaf(void)
{
    const uint64_t *frame = __builtin_frame_address(0); /* the caller's fp, then its pc */
    return (struct weir__registers){.pc = frame[1], .sp = (uintptr_t)(frame + 2), .fp = frame[0]};
}

/* A return address as the stack has it. */
WEIR__INLINE uint64_t weir__registers_strip(uint64_t address)
{
    return address;
}

/* `sp`: where the handler's return would leave the stack pointer; the frame lies there. */
#define WEIR__SIGNAL_FRAME (offsetof(ucontext_t, uc_mcontext) + sizeof(gregset_t))
WEIR__INLINE void weir__registers_of_signal(uint64_t sp, struct weir__registers *r)
{
    const ucontext_t *context = (const ucontext_t *)(uintptr_t)sp;
    r->pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP] + 1;
    r->sp = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
    r->fp = (uint64_t)context->uc_mcontext.gregs[REG_RBP];
    r->lr = 0;
}

/* What a handler returns to where no module says so: mov $15, %rax; syscall. */
#define WEIR__TRAMPOLINE                                                                           \
    {                                                                                              \
        0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05                                                  \
    }

/* Code that gives a frame back at once and returns, add $n, %rsp; ret: the bytes from the stack
 * pointer to the caller's, else 0. Such is what CPython makes for -X perf; it has no frame pointer.
 */
#define WEIR__RETURN_CODE 5
WEIR__INLINE uint32_t weir__frame_of_code(const unsigned char *code)
{
    bool gives = code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xc4 && code[4] == 0xc3;
    return gives && code[3] < 0x80 && code[3] % 8 == 0 ? code[3] + 8u : 0;
}

#elif defined(__aarch64__)
#define WEIR__UNWIND_SUPPORTED  1
#define WEIR__HAS_LINK_REGISTER 1
enum { WEIR__DWARF_FP = 29, WEIR__DWARF_SP = 31, WEIR__DWARF_RA = 30 };

WEIR__INLINE struct weir__registers weir__registers_here(void)
{
    struct weir__registers r;
    __asm__ volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29\n\tmov %3, x30"
                     : "=&r"(r.pc), "=&r"(r.sp), "=&r"(r.fp), "=&r"(r.lr));
    r.pc += 4;
    return r;
}

WEIR__INLINE struct weir__registers weir__registers_leaf(void)
{
    return weir__registers_here();
}

/* Without the bits that sign it. */
WEIR__INLINE uint64_t weir__registers_strip(uint64_t address)
{
    return address & ((UINT64_C(1) << 48) - 1);
}

/* A siginfo_t, then the context. */
#define WEIR__SIGNAL_FRAME      (128 + offsetof(ucontext_t, uc_mcontext.pc) + 8)
WEIR__INLINE void weir__registers_of_signal(uint64_t sp, struct weir__registers *r)
{
    const ucontext_t *context = (const ucontext_t *)(uintptr_t)(sp + 128);
    r->pc = context->uc_mcontext.pc + 1;
    r->sp = context->uc_mcontext.sp;
    r->fp = context->uc_mcontext.regs[29];
    r->lr = weir__registers_strip(context->uc_mcontext.regs[30]);
}

/* mov x8, #139; svc #0 */
#define WEIR__TRAMPOLINE                                                                           \
    {                                                                                              \
        0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4                                             \
    }

/* Made code has frame records here. */
#define WEIR__RETURN_CODE 4
WEIR__INLINE uint32_t weir__frame_of_code(const unsigned char *code)
{
    (void)code;
    return 0;
}

#else
#define WEIR__TRAMPOLINE                                                                           \
    {                                                                                              \
        0                                                                                          \
    }
#define WEIR__UNWIND_SUPPORTED  0
#define WEIR__HAS_LINK_REGISTER 0
#define WEIR__RETURN_CODE       1
WEIR__INLINE uint32_t weir__frame_of_code(const unsigned char *code)
{
    (void)code;
    return 0;
}
enum { WEIR__DWARF_FP = -1, WEIR__DWARF_SP = -2, WEIR__DWARF_RA = -3 };
#define WEIR__SIGNAL_FRAME      0
WEIR__INLINE struct weir__registers weir__registers_here(void)
{
    return (struct weir__registers){0};
}
WEIR__INLINE struct weir__registers weir__registers_leaf(void)
{
    return (struct weir__registers){0};
}
WEIR__INLINE uint64_t weir__registers_strip(uint64_t address)
{
    return address;
}
WEIR__INLINE void weir__registers_of_signal(uint64_t sp, struct weir__registers *r)
{
    (void)sp;
    *r = (struct weir__registers){0};
}
#endif

#endif
