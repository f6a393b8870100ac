/*
 * The unwinder against others (src/unwind/unwind.h): every stack that it takes is that of glibc's
 * backtrace and, where it is there, of libunwind. The caller's stacks are taken in an order in
 * which the last one is of use, which is what may go wrong.
 *
 * usage: stacks [LIBRARY1 LIBRARY2]: two libraries with a function `through`
 * (tests/scripts/unwind.sh)
 */
#include "unwind/unwind.h"

#include <alloca.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PROMISE(condition)                                                                         \
    do                                                                                             \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    while (0)
#define NOINLINE __attribute__((noinline, noclone))
#define KEEP     __asm__ volatile("" ::: "memory") /* so that a call is none to jump to */

static struct weir__unwind main_unwind, thread_unwind;
static __thread struct weir__unwind *own = &main_unwind;
static int (*unw_backtrace)(void **, int);
static unsigned long compared, reused, known, led, cuts;
static int failures;

/* The stack that is compared, leaf first; and all that have a number. */
static __thread uint64_t stack_of_ours[WEIR__UNWIND_MOST];
static __thread uint32_t depth_of_ours;
static struct {
    uint32_t depth;
    uint64_t *pcs;
} numbered[20000];
static uint32_t numbers;
static uint64_t numbered_pcs[1u << 22]; /* no malloc, for signals come at any moment */
static size_t numbered_used;
static struct weir__own passed; /* rules of frames that are taken for weir's own */
static uint32_t passed_epoch;

/* A frame that a signal interrupted: others have its address, weir the one behind. */
static bool is_same(uint64_t ours, const void *theirs)
{
    return ours == (uintptr_t)theirs || ours == (uintptr_t)theirs + 1;
}

static void show(const char *what, const char *with, void *const *theirs, int n)
{
    int depth = (int)depth_of_ours;
    fprintf(stderr, "%s: not as %s has it (%d and %d frames, cut %d, known %u)\n", what, with,
            depth, n, own->cut, own->number);
    for (int i = 0; i < (depth > n ? depth : n) && i < 40; i++)
        fprintf(stderr, "  %2d %12llx %12llx\n", i,
                i < depth ? (unsigned long long)stack_of_ours[i] : 0,
                i < n ? (unsigned long long)(uintptr_t)theirs[i] : 0);
    if (++failures > 3)
        exit(1);
}

/* All but the leaf, which is the address of a call here. Of a cut stack what there is. */
static void hold_against(const char *what, const char *with, void *const *theirs, int n)
{
    int depth = (int)depth_of_ours;
    bool cut = !own->number && own->cut;
    if (cut ? depth > n : depth != n) {
        show(what, with, theirs, n);
        return;
    }
    for (int i = 1; i < depth; i++)
        if (!is_same(stack_of_ours[i], theirs[i])) {
            show(what, with, theirs, n);
            return;
        }
}

/* One that was found whole: what had that number. */
static void recall(void)
{
    depth_of_ours = numbered[own->number - 1].depth;
    memcpy(stack_of_ours, numbered[own->number - 1].pcs, depth_of_ours * sizeof *stack_of_ours);
    known++;
}

/* One that was unwound gets a number. */
static void number(int kept)
{
    uint32_t depth = depth_of_ours = own->depth;
    for (int i = 0; i < kept; i++)
        PROMISE(own->frames[i].node == (uint32_t)i + 1);
    for (uint32_t i = (uint32_t)kept; i < depth; i++)
        own->frames[i].node = i + 1;
    for (uint32_t i = 0; i < depth; i++)
        stack_of_ours[i] = own->frames[depth - 1 - i].pc;
    PROMISE(numbers < sizeof numbered / sizeof *numbered);
    numbered[numbers].depth = depth;
    PROMISE(depth <= sizeof numbered_pcs / sizeof *numbered_pcs - numbered_used);
    numbered[numbers].pcs = numbered_pcs + numbered_used;
    numbered_used += depth;
    memcpy(numbered[numbers++].pcs, stack_of_ours, depth * sizeof *stack_of_ours);
    reused += kept > 0;
    cuts += own->cut;
    weir__unwind_keep(own, numbers);
}

/* Through the lowest two frames by rules that were learned, as if those were weir's own. */
static bool pass(struct weir__registers *now)
{
    struct weir__registers from = *now;
    for (int i = 0; i < 2; i++) {
        const struct weir__own_rule *rule = weir__own_find(&passed, now->pc);
        if (!rule || !weir__own_step(rule, now, own->high)) {
            *now = from;
            return false;
        }
    }
    return true;
}

/* Held against where the third frame is. */
static void pass_compare(const struct weir__registers *through, bool led_there)
{
    if (own->depth < 3 || own->asked)
        return;
    const struct weir__frame *third = &own->frames[own->depth - 3];
    if (led_there) {
        PROMISE(through->sp == third->sp && through->pc == third->pc && through->fp == third->fp);
        led++;
        return;
    }
    weir__own_learn(&passed, own->frames[own->depth - 1].pc);
    weir__own_learn(&passed, own->frames[own->depth - 2].pc);
}

/* glibc's from the caller on: above this function's frame, and that of a sanitizer's interceptor.
 */
static NOINLINE int backtrace_take(void **theirs, int most)
{
    int n = backtrace(theirs, most), skipped = 0;
    while (skipped < n && theirs[skipped] != __builtin_return_address(0))
        skipped++;
    memmove(theirs, theirs + skipped, (size_t)(n - skipped) * sizeof *theirs);
    return n - skipped;
}

/* The stack from here on, held against the others'. */
static NOINLINE void compare(const char *what)
{
    void *theirs[3000];
    struct weir__registers here = weir__registers_here(), through = here;
    if (passed_epoch != weir__rules_epoch)
        weir__own_forget(&passed);
    passed_epoch = weir__rules_epoch;
    bool led_there = here.sp >= own->low && here.sp < own->high && pass(&through);
    int kept = weir__unwind_take(own, here);
    PROMISE(kept >= 0);
    if (own->number) {
        PROMISE(kept == 0);
        recall();
    } else {
        PROMISE(own->depth > 0 && own->depth <= WEIR__UNWIND_MOST);
        number(kept);
        pass_compare(&through, led_there);
    }
    compared++;
    hold_against(what, "backtrace", theirs, backtrace_take(theirs, 3000));
    if (unw_backtrace)
        hold_against(what, "libunwind", theirs, unw_backtrace(theirs, 3000));
    weir__unwind_done(own);
}

/* -- frames of all kinds ------------------------------------------------------------------------
 */

static unsigned long seed = 1;

static unsigned random_below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void wander(int depth);

static NOINLINE void frame_plain(int depth)
{
    wander(depth);
    KEEP;
}

static NOINLINE void frame_alloca(int depth)
{
    char *room = alloca(16 + random_below(2000));
    memset(room, depth, 16);
    wander(depth);
    __asm__ volatile("" ::"r"(room) : "memory");
}

static NOINLINE void frame_aligned(int depth)
{
    char room[64] __attribute__((aligned(64)));
    memset(room, depth, sizeof room);
    wander(depth);
    __asm__ volatile("" ::"r"(room) : "memory");
}

/* Both: the frame is found by a word of it. */
static NOINLINE void frame_aligned_alloca(int depth, int b, int c, int d, int e, int f, int g,
                                          int h)
{
    char room[64] __attribute__((aligned(64)));
    char *more = alloca(16 + random_below(300));
    memset(room, depth + b + c + d + e + f, sizeof room);
    memset(more, g + h, 16);
    wander(depth);
    __asm__ volatile("" ::"r"(room), "r"(more) : "memory");
}

__attribute__((optimize("omit-frame-pointer"))) static NOINLINE void frame_without(int depth)
{
    char room[200];
    memset(room, depth, sizeof room);
    wander(depth);
    __asm__ volatile("" ::"r"(room) : "memory");
}

__attribute__((optimize("no-omit-frame-pointer"))) static NOINLINE void frame_with(int depth)
{
    wander(depth);
    KEEP;
}

static NOINLINE void frame_large(int depth)
{
    char room[70000];
    room[0] = (char)depth;
    wander(depth);
    __asm__ volatile("" ::"r"(room) : "memory");
}

static int order(const void *a, const void *b)
{
    if (random_below(2))
        wander(*(const int *)a);
    return *(const int *)a - *(const int *)b;
}

static NOINLINE void frame_of_libc(int depth)
{
    int both[2] = {depth, depth};
    qsort(both, 2, sizeof *both, order);
}

/* Goes deeper, compares, both or neither. */
static void wander(int depth)
{
    for (unsigned turns = 1 + random_below(2); turns; turns--) {
        if (random_below(3) == 0)
            compare("wandering");
        if (depth <= 0)
            continue;
        switch (random_below(9)) {
        case 0:
            frame_alloca(depth - 1);
            break;
        case 1:
            frame_aligned(depth - 1);
            break;
        case 2:
            frame_without(depth - 1);
            break;
        case 3:
            frame_with(depth - 1);
            break;
        case 4:
            frame_of_libc(depth - 1);
            break;
        case 5:
            frame_aligned_alloca(depth - 1, 1, 2, 3, 4, 5, 6, 7);
            break;
        case 6:
            if (random_below(8) == 0) {
                frame_large(depth - 1);
                break;
            } /* fall through */
        default:
            frame_plain(depth - 1);
        }
    }
}

/* -- recursion, a changed caller, jumps -------------------------------------------------------- */

static NOINLINE int recurse(int depth)
{
    if (depth % 97 == 0 || depth < 4)
        compare("recursion");
    int n = depth ? recurse(depth - 1) : 0;
    KEEP;
    return n + 1;
}

static NOINLINE void inner(void)
{
    compare("a changed caller");
    KEEP;
}

/* Two of one shape: the frame of `inner` is at one place with equal contents. */
static NOINLINE void caller_one(void)
{
    inner();
    KEEP;
}

static NOINLINE void caller_two(void)
{
    inner();
    __asm__ volatile("nop");
}

static NOINLINE void callers_change(void)
{
    for (int i = 0; i < 20; i++) {
        caller_one();
        if (i % 3 == 0)
            caller_two();
    }
}

__attribute__((optimize("no-omit-frame-pointer"))) static NOINLINE void shifted_leaf(void)
{
    compare("a frame that is shifted");
    KEEP;
}

static NOINLINE void shifted_inner(int by)
{
    char *room = alloca(64 + 16 * (size_t)(8 - by));
    memset(room, by, 16);
    shifted_leaf();
    __asm__ volatile("" ::"r"(room) : "memory");
}

/* The leaf lies at one place and returns to one address; only the frame pointer that it saved
 * tells where its caller's frame is. */
static NOINLINE void shifted(int by)
{
    char *room = alloca(64 + 16 * (size_t)by);
    memset(room, by, 16);
    shifted_inner(by);
    __asm__ volatile("" ::"r"(room) : "memory");
}

static jmp_buf back;

static NOINLINE int jump_from(int depth)
{
    compare("before a longjmp");
    if (!depth)
        longjmp(back, 1);
    int n = depth > 0 ? jump_from(depth - 1) : 0;
    KEEP;
    return n + 1;
}

static NOINLINE void jumps(void)
{
    for (volatile int i = 0; i < 5; i++) {
        if (!setjmp(back))
            jump_from(i);
        compare("after a longjmp");
    }
}

/* -- signals ------------------------------------------------------------------------------------
 */

static void on_signal(int number)
{
    (void)number;
    wander(3);
}

static NOINLINE void spin_until_signal(void)
{
    raise(SIGUSR1);
    KEEP;
}

static void signals(int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 10; i++) {
        spin_until_signal();
        compare("after a signal");
    }
}

static void signals_elsewhere(void)
{
    static char room[1 << 20];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room}, former;
    sigaltstack(&stack, &former);
    unsigned long before = cuts;
    signals(SA_ONSTACK);
    PROMISE(cuts > before); /* only the stack that the handler is on */
    sigaltstack(&former, NULL);
}

/* -- threads and coroutines -------------------------------------------------------------------- */

static void *thread_run(void *depth)
{
    own = &thread_unwind;
    weir__unwind_reset(own);
    wander((int)(intptr_t)depth);
    compare("a thread's end");
    return NULL;
}

static void threads(size_t size, int depth)
{
    pthread_attr_t about;
    pthread_t thread;
    pthread_attr_init(&about);
    PROMISE(pthread_attr_setstacksize(&about, size) == 0);
    for (int i = 0; i < 5; i++) {
        PROMISE(pthread_create(&thread, &about, thread_run, (void *)(intptr_t)depth) == 0);
        pthread_join(thread, NULL);
    }
}

/* 16 KiB: others need more than that to unwind. Weir's has the thread's function at its root. */
static uint32_t small_depth;
static bool small_cut;

static void *small_run(void *unused)
{
    (void)unused;
    weir__unwind_reset(&thread_unwind);
    PROMISE(weir__unwind_take(&thread_unwind, weir__registers_here()) == 0);
    small_depth = thread_unwind.depth;
    small_cut = thread_unwind.cut;
    weir__unwind_done(&thread_unwind);
    return NULL;
}

__attribute__((unused)) static void small_thread(void)
{
    pthread_attr_t about;
    pthread_t thread;
    pthread_attr_init(&about);
    size_t size = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    PROMISE(pthread_attr_setstacksize(&about, size > 16384 ? size : 16384) == 0);
    PROMISE(pthread_create(&thread, &about, small_run, NULL) == 0);
    pthread_join(thread, NULL);
    PROMISE(small_depth >= 2 && small_depth <= 4 && !small_cut);
}

static ucontext_t coroutine, caller;

static void coroutine_run(void)
{
    for (;;) {
        wander(4);
        swapcontext(&coroutine, &caller);
    }
}

/* A stack between pages that cannot be read. */
static void coroutines(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 256 * page;
    char *room = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PROMISE(room != MAP_FAILED && mprotect(room + page, size, PROT_READ | PROT_WRITE) == 0);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = room + page;
    coroutine.uc_stack.ss_size = size;
    makecontext(&coroutine, coroutine_run, 0);
    for (int i = 0; i < 20; i++) {
        swapcontext(&caller, &coroutine);
        compare("between coroutines");
    }
    munmap(room, size + 2 * page);
}

/* -- code that no module has --------------------------------------------------------------------
 */

static uint32_t jit_depth;

static NOINLINE void jit_called(void)
{
    PROMISE(weir__unwind_take(own, weir__registers_here()) >= 0);
    jit_depth = own->depth;
    for (uint32_t i = 0; i < own->depth; i++)
        own->frames[i].node = i + 1;
    PROMISE(!own->cut);
    weir__unwind_done(own);
}

static NOINLINE uint32_t depth_here(void)
{
    jit_called();
    return jit_depth;
}

/* It keeps a frame pointer, as compilers at run time do, and so must who called it. */
__attribute__((optimize("no-omit-frame-pointer"))) static NOINLINE void made_code(void)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#elif defined(__aarch64__)
    static const uint32_t code[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0};
#endif
    uint32_t before = depth_here();
    void *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PROMISE(room != MAP_FAILED);
    memcpy(room, code, sizeof code);
    PROMISE(mprotect(room, 4096, PROT_READ | PROT_EXEC) == 0);
    __builtin___clear_cache(room, (char *)room + 4096);
    ((void (*)(void (*)(void)))(uintptr_t)room)(jit_called);
    PROMISE(jit_depth == before); /* the made code is where depth_here was */
    PROMISE(own->frames[own->depth - 2].pc - (uintptr_t)room < 4096);
    munmap(room, 4096);
    weir__rules_forget((uintptr_t)room,
                       (uintptr_t)room + 4096); /* other code may come to lie there */
    compare("after code of no module");
}

/* What CPython makes for -X perf: a frame that is not chained, sub $8, %rsp; call; add $8, %rsp;
 * ret. Whoever called it has no frame pointer either. */
__attribute__((optimize("omit-frame-pointer"))) static NOINLINE void made_code_unchained(void)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7,
                                         0x48, 0x83, 0xc4, 0x08, 0xc3};
    uint32_t before = depth_here();
    void *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PROMISE(room != MAP_FAILED);
    memcpy(room, code, sizeof code);
    PROMISE(mprotect(room, 4096, PROT_READ | PROT_EXEC) == 0);
    ((void (*)(void (*)(void)))(uintptr_t)room)(jit_called);
    PROMISE(jit_depth == before);
    PROMISE(own->frames[own->depth - 2].pc - (uintptr_t)room < 4096);
    munmap(room, 4096);
    compare("after code without a frame pointer");
#endif
}

/* -- libraries that come and go -----------------------------------------------------------------
 */

static void through_back(void)
{
    compare("through a library");
}

/* The second lies where the first one lay, with a frame of another size at the same address.
 * libunwind 1.6 has a cache that does not see that, and goes astray. */
static void libraries(char **names)
{
    unw_backtrace = NULL;
    for (int i = 0; i < 8; i++) {
        void *library = dlopen(names[i % 2], RTLD_NOW);
        PROMISE(library != NULL);
        void (*through)(void (*)(void)) =
            (void (*)(void (*)(void)))(uintptr_t)dlsym(library, "through");
        PROMISE(through != NULL);
        through(through_back);
        through(through_back);
        dlclose(library);
        weir__rules_check_modules();
    }
}

int main(int argc, char **argv)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW);
    void *found = library ? dlsym(library, "unw_backtrace") : NULL;
    memcpy(&unw_backtrace, &found, sizeof found);
    if (!WEIR__UNWIND_SUPPORTED)
        return 77;
    weir__unwind_start();
    compare("main");
    callers_change();
    for (int i = 0; i < 5 * 9; i++)
        shifted(i % 9);
    recurse(5);
    recurse(400);
    jumps();
    made_code();
    made_code_unchained();
    for (int i = 0; i < 300; i++)
        wander(i % 11);
    unsigned long before = cuts;
    recurse(2000);
    PROMISE(cuts > before);
    compare("after a deep recursion");
    PROMISE(!own->cut);
    if (!getenv("STACKS_NO_SIGNALS")) {
        signals(0);
        signals_elsewhere();
    }
    threads(1 << 20, 8);
#ifndef __SANITIZE_ADDRESS__ /* whose frames alone fill such a stack */
    small_thread();
#endif
    coroutines();
    printf("%lu stacks as backtrace%s has them, %lu with frames of the last one, %lu found whole; "
           "%lu passed by rules that were learned\n",
           compared, unw_backtrace ? " and libunwind" : "", reused, known, led);
    if (argc == 3)
        libraries(argv + 1);
    PROMISE(reused > (compared - known) / 2 && known > 50 && led > 50);
    return failures != 0;
}
