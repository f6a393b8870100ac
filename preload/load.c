/*
 * preload/load.c - dlopen and dlmopen without RTLD_DEEPBIND, which would put the C
 * library's malloc before this one in what is loaded: a block made on one side and freed
 * on the other ends the program. Its own namespace (dlmopen) has no weir in it, and
 * keeps the flag.
 *
 * The C library asks who calls: whose RUNPATH and $ORIGIN are searched, and which
 * namespace loads. So these jump, and leave no frame; that is written in
 * assembly because no C says it in every build. Any thread, and before our constructor.
 *
 * And dlclose, so that a recording's stacks know when other code comes to lie at an address.
 */
#include "preload/preload.h"

#include "observe/stacks.h"
#include "unwind/rule.h"

#include <dlfcn.h>
#include <unistd.h>

typedef void *open_file(const char *file, int mode);
typedef void *open_in(Lmid_t namespace, const char *file, int mode);

/* The next of that name behind this library. Atomic; once found they stay. */
__attribute__((visibility("hidden"), used)) open_file *preload_next_dlopen;
__attribute__((visibility("hidden"), used)) open_in *preload_next_dlmopen;

/* For the assembly too, where a call comes before the constructor. */
__attribute__((used)) void preload_load_start(void)
{
    __atomic_store_n(&preload_next_dlopen, (open_file *)dlsym(RTLD_NEXT, "dlopen"),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&preload_next_dlmopen, (open_in *)dlsym(RTLD_NEXT, "dlmopen"),
                     __ATOMIC_RELAXED);
    if (!preload_next_dlopen || !preload_next_dlmopen)
        _exit(127); /* a C library without them has not loaded us */
}

_Static_assert(RTLD_DEEPBIND == 8 && LM_ID_BASE == 0, "what the assembly says in numbers");

/* clang-format off */
#if defined(__x86_64__)

/* `drop` takes the flag out of the mode. */
#define JUMP(name, drop)                                                                           \
    __asm__(".text\n.globl " name "\n.type " name ", @function\n.p2align 4\n"                      \
            name ":\n"                                                                             \
            "    .cfi_startproc\n"                                                                 \
            "    endbr64\n"                                                                        \
            drop                                                                                   \
            "1:  movq preload_next_" name "(%rip), %rax\n"                                         \
            "    testq %rax, %rax\n"                                                               \
            "    je 2f\n"                                                                          \
            "    jmp *%rax\n"                                                                      \
            "2:  pushq %rdi\n    .cfi_adjust_cfa_offset 8\n"                                       \
            "    pushq %rsi\n    .cfi_adjust_cfa_offset 8\n"                                       \
            "    pushq %rdx\n    .cfi_adjust_cfa_offset 8\n"                                       \
            "    call preload_load_start\n"                                                        \
            "    popq %rdx\n    .cfi_adjust_cfa_offset -8\n"                                       \
            "    popq %rsi\n    .cfi_adjust_cfa_offset -8\n"                                       \
            "    popq %rdi\n    .cfi_adjust_cfa_offset -8\n"                                       \
            "    jmp 1b\n"                                                                         \
            "    .cfi_endproc\n"                                                                   \
            ".size " name ", . - " name "\n")

JUMP("dlopen", "    andl $~8, %esi\n");
JUMP("dlmopen", "    testq %rdi, %rdi\n    jne 1f\n    andl $~8, %edx\n");

#elif defined(__aarch64__)

#define JUMP(name, drop)                                                                           \
    __asm__(".text\n.globl " name "\n.type " name ", %function\n.p2align 4\n"                      \
            name ":\n"                                                                             \
            "    .cfi_startproc\n"                                                                 \
            "    hint #34\n" /* bti c */                                                           \
            drop                                                                                   \
            "1:  adrp x16, preload_next_" name "\n"                                                \
            "    ldr x16, [x16, #:lo12:preload_next_" name "]\n"                                   \
            "    cbz x16, 2f\n"                                                                    \
            "    br x16\n"                                                                         \
            "2:  stp x29, x30, [sp, #-48]!\n    .cfi_adjust_cfa_offset 48\n"                       \
            "    .cfi_offset 29, -48\n    .cfi_offset 30, -40\n"                                   \
            "    stp x0, x1, [sp, #16]\n"                                                          \
            "    str x2, [sp, #32]\n"                                                              \
            "    bl preload_load_start\n"                                                          \
            "    ldr x2, [sp, #32]\n"                                                              \
            "    ldp x0, x1, [sp, #16]\n"                                                          \
            "    ldp x29, x30, [sp], #48\n    .cfi_adjust_cfa_offset -48\n"                        \
            "    .cfi_restore 29\n    .cfi_restore 30\n"                                           \
            "    b 1b\n"                                                                           \
            "    .cfi_endproc\n"                                                                   \
            ".size " name ", . - " name "\n")

JUMP("dlopen", "    and w1, w1, #0xfffffff7\n");
JUMP("dlmopen", "    cbnz x0, 1f\n    and w2, w2, #0xfffffff7\n");

#else

/* Optimised builds jump here, too; others give this library's own RUNPATH. */
PRELOAD_API void *dlopen(const char *file, int mode)
{
    if (!preload_next_dlopen)
        preload_load_start();
    /* cppcheck-suppress CastIntegerToAddressAtReturn ; a pointer: __typeof__ is not followed */
    return preload_next_dlopen(file, mode & ~RTLD_DEEPBIND);
}

PRELOAD_API void *dlmopen(Lmid_t namespace, const char *file, int mode)
{
    if (!preload_next_dlmopen)
        preload_load_start();
    /* cppcheck-suppress CastIntegerToAddressAtReturn ; the same */
    return preload_next_dlmopen(namespace, file,
                                namespace == LM_ID_BASE ? mode & ~RTLD_DEEPBIND : mode);
}

#endif
/* clang-format on */

typedef int close_handle(void *handle);

PRELOAD_API int dlclose(void *handle)
{
    static close_handle *next; /* a race stores the same value */
    if (!weir__relaxed_get(next))
        weir__relaxed_set(next, (close_handle *)dlsym(RTLD_NEXT, "dlclose"));
    int status = next ? next(handle) : -1;
    if (weir__relaxed_get(weir__stacks_from) != WEIR__STACKS_OFF)
        weir__rules_check_modules();
    return status;
}
