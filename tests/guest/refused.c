/*
 * refused [STATIC PROGRAM]: calls that libweir-malloc stands in front of, with what they must refuse and what
 * they must take: a line each, with the result and errno, the same with weir and without.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern void (*__sysv_signal(int, void (*)(int)))(int);
static char *const words[] = {"refused", "word", NULL};

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result == -1 ? strerror(errno) : "");
    errno = 0;
}

/* -- signals ------------------------------------------------------------------------------------ */

typedef void (*handler)(int);
typedef handler signal_function(int, handler);

static void on_signal(int number)
{
    (void)number;
}

static const char *name_of(handler h)
{
    return h == SIG_ERR    ? "error"
           : h == SIG_DFL  ? "default"
           : h == SIG_IGN  ? "ignored"
           : h == SIG_HOLD ? "held"
                           : "the program's";
}

static void set(const char *name, signal_function *function, int number)
{
    static const handler each[] = {on_signal, SIG_IGN, SIG_ERR, SIG_HOLD, on_signal, SIG_DFL};
    for (int i = 0; i < 6; i++) {
        if (each[i] == SIG_HOLD && function != sigset)
            continue;
        errno = 0;
        handler former = function(number, each[i]);
        printf("%s %d %s: was %s, %s\n", name, number, name_of(each[i]), name_of(former),
               former == SIG_ERR ? strerror(errno) : "well");
    }
}

/* The flags that a call set. That the C library brings the return from a handler is not a program's. */
#define RETURNS 0x4000000u
static void flags(const char *name, signal_function *function, int number)
{
    struct sigaction action;
    say("siginterrupt", siginterrupt(number, 1));
    function(number, on_signal);
    say("sigaction", sigaction(number, NULL, &action));
    printf("%s %d, it interrupts: flags %x, masked %d\n", name, number, (unsigned)action.sa_flags & ~RETURNS,
           sigismember(&action.sa_mask, number));
    say("siginterrupt no more", siginterrupt(number, 0));
    say("sigaction", sigaction(number, NULL, &action));
    printf("%s %d, it does not: flags %x\n", name, number, (unsigned)action.sa_flags & ~RETURNS);
    function(number, on_signal);
    say("sigaction", sigaction(number, NULL, &action));
    printf("%s %d: flags %x\n", name, number, (unsigned)action.sa_flags & ~RETURNS);
    signal(number, SIG_DFL);
}

static void signals(void)
{
    static const int numbers[] = {SIGSEGV, SIGUSR1, SIGKILL, 0, -1, 65, 1000};
    signal_function *bsd = (signal_function *)dlsym(RTLD_DEFAULT, "bsd_signal");
    for (int i = 0; i < 7; i++) {
        set("signal", signal, numbers[i]);
        set("ssignal", ssignal, numbers[i]);
        set("sysv_signal", sysv_signal, numbers[i]);
        set("__sysv_signal", __sysv_signal, numbers[i]);
        set("sigset", sigset, numbers[i]);
        if (bsd)
            set("bsd_signal", bsd, numbers[i]);
        say("sigignore", sigignore(numbers[i]));
        say("sigaction", sigaction(numbers[i], NULL, NULL));
        say("siginterrupt", siginterrupt(numbers[i], 0));
        signal(numbers[i], SIG_DFL);
    }
    for (int i = 0; i < 2; i++) {
        flags("signal", signal, numbers[i]);
        flags("sysv_signal", sysv_signal, numbers[i]);
        flags("sigset", sigset, numbers[i]);
    }
}

/* -- programs that do not start ------------------------------------------------------------------ */

static void programs_of(char *const environment[])
{
    int folder = open(".", O_RDONLY | O_DIRECTORY), text = open("text", O_RDONLY);
    pid_t pid;
    say("execve", execve("./none", words, environment));
    say("execve of text", execve("./text", words, environment));
    say("execvpe", execvpe("none-such-program", words, environment));
    say("execle", execle("./none", "none", (char *)NULL, environment));
    say("fexecve, no file", fexecve(-1, words, environment));
    say("fexecve of text", fexecve(text, words, environment));
    say("fexecve of a folder", fexecve(folder, words, environment));
    say("execveat", execveat(AT_FDCWD, "./none", words, environment, 0));
    say("execveat, absolute", execveat(folder, "/none/such", words, environment, 0));
    say("execveat in a folder", execveat(folder, "none", words, environment, 0));
    say("execveat of text", execveat(text, "", words, environment, AT_EMPTY_PATH));
    say("posix_spawn", posix_spawn(&pid, "./none", NULL, NULL, words, environment));
    say("posix_spawnp", posix_spawnp(&pid, "none-such-program", NULL, NULL, words, environment));
    close(folder);
    close(text);
}

static void programs(void)
{
    static char *many[200001];
    static char ours[8192];
    char *const nothing[] = {NULL}, *const one[] = {"ONE=1", NULL};
    char *const other[] = {"LD_PRELOAD=", "LD_PRELOAD_OTHER=x", "WEIR_OTHER=1", NULL};
    char *const list[] = {ours, "PATH=/usr/bin:/bin", NULL};
    snprintf(ours, sizeof ours, "LD_PRELOAD= ./other.so:%s ./more.so", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "");
    for (int i = 0; i < 200000; i++)
        many[i] = "A=";
    programs_of(environ);
    programs_of(nothing);
    programs_of(one);
    programs_of(other);
    programs_of(list);
    programs_of(many);
    say("execv", execv("./none", words));
    say("execvp", execvp("none-such-program", words));
    say("execl", execl("./none", "none", "word", (char *)NULL));
    say("execlp", execlp("none-such-program", "none", (char *)NULL));
    say("execlp, one word", execlp("none-such-program", (char *)NULL));
    unsetenv("PATH");
    say("execvp without PATH", execvp("none-such-program", words));
    setenv("PATH", "/usr/bin:/bin", 1);
}

/* One that has no loader, so that nothing can be loaded into it. */
static void alone(const char *program)
{
    static char ours[8192];
    char *const list[] = {ours, "KEPT=1", NULL};
    int status = -1;
    pid_t pid;
    snprintf(ours, sizeof ours, "LD_PRELOAD=./other.so:%s", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "");
    say("a static program", posix_spawn(&pid, program, NULL, NULL, words, list));
    waitpid(pid, &status, 0);
    say("it ended with", status);
    say("by PATH", posix_spawnp(&pid, program, NULL, NULL, words, environ));
    waitpid(pid, &status, 0);
    say("it ended with", status);
}

/* -- children ------------------------------------------------------------------------------------- */

static int begin(void *user)
{
    free(malloc(1000));
    return *(int *)user;
}

static void children(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    pid_t (*plain)(void) = (pid_t (*)(void))dlsym(RTLD_DEFAULT, "_Fork");
    int status = 0, code = 7;
    if (plain) {
        fflush(stdout);
        pid_t child = plain();
        if (child == 0)
            _exit(begin(&code));
        waitpid(child, &status, 0);
        say("_Fork", WEXITSTATUS(status));
    }
    pid_t child = clone(begin, stack + sizeof stack, SIGCHLD, &code);
    waitpid(child, &status, 0);
    say("clone", WEXITSTATUS(status));
    say("clone of nothing", clone(NULL, stack + sizeof stack, SIGCHLD, NULL));
    say("clone without a stack", clone(begin, NULL, CLONE_VM | SIGCHLD, &code));
}

/* -- memory ---------------------------------------------------------------------------------------- */

static void blocks(void)
{
    void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    void (*free_aligned_sized)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    if (free_sized)
        free_sized(malloc(100), 100);
    if (free_aligned_sized)
        free_aligned_sized(aligned_alloc(64, 128), 64, 128);
    void *block = malloc(100000);
    struct mallinfo all = mallinfo();
    say("mallinfo", all.uordblks >= 100000 && all.arena >= 100000);
    say("malloc_info of something", malloc_info(1, stdout) != 0);
    malloc_stats();
    free(block);
    block = memalign(48, 10);
    say("memalign 48", (uintptr_t)block % 64 == 0 && block);
    free(block);
    block = memalign(0, 10);
    say("memalign 0", block != NULL);
    free(block);
    block = memalign((size_t)PTRDIFF_MAX + 2, 10);
    say("memalign without end", block == NULL ? -1 : 0);
}

static void mappings(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 4 * page;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int text = open("text", O_RDONLY);
    say("mmap of nothing", (long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    say("mmap of no file", (long)mmap(NULL, page, PROT_READ, MAP_PRIVATE, -1, 0));
    say("mmap, shared and writable", (long)mmap(NULL, page, PROT_WRITE, MAP_SHARED, text, 0));
    void *code = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, text, 0);
    say("code of a text", code != MAP_FAILED);
    say("munmap of it", munmap(code, page));
    say("munmap inside a page", munmap(at + 1, page));
    say("munmap of nothing", munmap(at, 0));
    say("munmap without end", munmap(at, SIZE_MAX));
    say("mprotect inside a page", mprotect(at + 1, page, PROT_READ));
    say("mremap inside a page", (long)mremap(at + 1, page, 2 * page, 0));
    say("mremap to nothing", (long)mremap(at, size, 0, MREMAP_MAYMOVE));
    say("mremap without end", (long)mremap(at, size, (size_t)1 << 60, MREMAP_MAYMOVE));
    say("mremap with odd flags", (long)mremap(at, size, size, 1 << 20, at));
    say("mremap, smaller", (char *)mremap(at, size, page, 0) == at);
    say("munmap", munmap(at, page));
    close(text);
}

/* -- filters of system calls -------------------------------------------------------------------------- */

static void filters(void)
{
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog all = {1, allow}, none = {0, allow};
    say("seccomp of no such kind", syscall(SYS_seccomp, 99, 0, NULL));
    say("seccomp without a filter", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
    say("seccomp, strict with a flag", syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
    say("prctl of no such mode", prctl(PR_SET_SECCOMP, 99, 0, 0, 0));
    say("prctl by number", syscall(SYS_prctl, PR_SET_SECCOMP, 99, 0, 0, 0));
    say("prctl without a filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0));
    say("prctl of something else", syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) >= 0);
#ifdef PR_SET_TSC
    say("the processor's counter", prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0) <= 0);
#endif
    say("seccomp, an empty filter", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &none));
    say("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    say("a filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all, 0, 0));
    free(malloc(100000));
}

int main(int argc, char **argv)
{
    signals();
    programs();
    children();
    blocks();
    mappings();
    if (argc > 1)
        alone(argv[1]);
    fflush(stdout);
    filters();
    return 0;
}
