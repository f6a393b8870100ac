/*
 * A guest for the scripts of this folder: does what its arguments say, one action after the
 * other, with no allocation of its own beside those asked for. A block of actions stands in
 * "{" and "}" as arguments of their own.
 *
 *   a N SIZE    N blocks of SIZE bytes, kept        t N SIZE    the same, each freed at once
 *   free        all that is kept                    map SIZE    touches pages that are not malloc's
 *   fork { }    a child does it, is waited for      vfork { }   the same, by vfork
 *   thread { }  a thread does it, is waited for     threads N { }
 *   leave { }   a thread goes on when main is gone  beside { }  main only sleeps then
 *   on SIG { }  in a handler
 *   leave-behind { }  a child does it, is not waited for; clone { } by the bare system call,
 *   clone-on-stack { } by the C library's clone
 *   exec P A..  (up to the end of the block)        exec0 P A.. with its first environment
 *   spawn P A.. posix_spawn, waits        failed P, failedp P, spawn-failed P: fails
 *   raise SIG   kill PID|parent SIG                 fault null|stack|trap|divide|bus
 *   end WAY N   return exit _exit _Exit quick_exit exit_group thread (SYS_exit)
 *   cd DIR      root DIR, user UID, session, cgroup FILE, nofile N, fsize N
 *   say TEXT    err TEXT, touch FILE, await FILE, sleep MS, pause, pid, signals,
 *               variable NAME
 *   sampled     waits until the weir run above it has looked at what is resident
 *   closefrom N close-each N, close-range N, close N, over FROM TO (dup2 of /dev/null)
 *   own PREFIX N  opens PREFIX.0 ..., kept          write N     N lines to each, allocating
 *   fds         what is open                        lowest      what a new descriptor gets
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct block {
    char **from, **to;
};

static void *kept[1 << 20];
static int keeping;
static int owned[64], owning;
static struct block handlers[65];

static void run(struct block actions);

static void put(int fd, const char *text)
{
    size_t length = strlen(text);
    if (write(fd, text, length) != (ssize_t)length)
        _exit(90);
}

static void number(long n, const char *after)
{
    char text[64];
    snprintf(text, sizeof text, "%ld%s", n, after);
    put(1, text);
}

static void broken(const char *what)
{
    put(2, "act: ");
    put(2, what);
    put(2, ": ");
    put(2, strerrorname_np(errno));
    put(2, "\n");
    _exit(91);
}

static void nap(long ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        ;
}

/* How often the parent has gone to sleep of its own accord. */
static long parent_naps(void)
{
    static const char field[] = "\nvoluntary_ctxt_switches:";
    char path[32], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)getppid());
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);
    close(file);
    text[n > 0 ? n : 0] = '\0';
    const char *at = strstr(text, field);
    return at ? atol(at + sizeof field - 1) : -1;
}

/* It samples at a look, if the last sample is 50 ms old, and sleeps between two looks. */
static void await_sample(void)
{
    nap(100);
    for (long before = parent_naps(); parent_naps() - before < 10;)
        nap(5);
}

static int signal_of(const char *name)
{
    if (strncmp(name, "RT", 2) == 0)
        return SIGRTMIN + atoi(name + 2);
    for (int i = 1; i < 32; i++)
        if (sigabbrev_np(i) && strcmp(sigabbrev_np(i), name) == 0)
            return i;
    return atoi(name);
}

static void handler(int s)
{
    run(handlers[s]);
}

static void *thread(void *user)
{
    run(*(struct block *)user);
    return NULL;
}

static _Alignas(16) char cloned_stack[1 << 18];

static int cloned(void *user)
{
    run(*(struct block *)user);
    return 0;
}

/* Main's end allocates, so it is waited for. */
static void *alone(void *user)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)getpid());
    while (!strstr(text, ") Z ")) {
        int fd = open(path, O_RDONLY);
        ssize_t length = read(fd, text, sizeof text - 1);
        text[length > 0 ? length : 0] = 0;
        close(fd);
    }
    return thread(user);
}

static void in_threads(int n, struct block actions)
{
    pthread_t threads[64];
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, thread, &actions) != 0)
            broken("pthread_create");
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void await_child(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
}

static __attribute__((noinline)) int deep(volatile char *above)
{
    volatile char here[4096];
    here[0] = *above;
    return deep(here) + here[0];
}

static void fault(const char *what)
{
    if (strcmp(what, "null") == 0)
        *(volatile int *)8 = 1;
    if (strcmp(what, "stack") == 0)
        deep("");
    if (strcmp(what, "trap") == 0)
        __builtin_trap();
    if (strcmp(what, "divide") == 0) {
        volatile int zero = 0;
        zero = 1 / zero;
    }
    int fd = memfd_create("empty", 0);
    char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    number(*(volatile char *)page, "");
}

static void end(const char *way, int status)
{
    if (strcmp(way, "exit") == 0)
        exit(status);
    if (strcmp(way, "_exit") == 0)
        _exit(status);
    if (strcmp(way, "_Exit") == 0)
        _Exit(status);
    if (strcmp(way, "quick_exit") == 0)
        quick_exit(status);
    if (strcmp(way, "exit_group") == 0)
        syscall(SYS_exit_group, status);
    if (strcmp(way, "thread") == 0)
        syscall(SYS_exit, status);
    if (strcmp(way, "abort") == 0)
        abort();
    broken(way);
}

static char **first_environment(void)
{
    static char text[1 << 16], *list[4096];
    int fd = open("/proc/self/environ", O_RDONLY), n = 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    for (ssize_t at = 0; at < length && n < 4095; at += (ssize_t)strlen(text + at) + 1)
        list[n++] = text + at;
    return list;
}

static void show_signals(void)
{
    static char text[8192];
    int fd = open("/proc/thread-self/status", O_RDONLY);
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if ((strncmp(line, "Sig", 3) == 0 && line[3] != 'Q') || strncmp(line, "Shd", 3) == 0) {
            put(1, line);
            put(1, "\n");
        }
}

static void allocate(long n, size_t size, bool keep)
{
    while (n-- > 0) {
        char *volatile p = malloc(size);
        if (!p)
            broken("malloc");
        *p = 1;
        if (keep)
            kept[__atomic_fetch_add(&keeping, 1, __ATOMIC_RELAXED)] = p;
        else
            free(p);
    }
}

static void limited(int what, const char *most)
{
    struct rlimit limit = {(rlim_t)atol(most), (rlim_t)atol(most)};
    if (setrlimit(what, &limit) != 0)
        broken("setrlimit");
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags, 0666);
    if (fd < 0)
        broken(path);
    return fd;
}

static void own(const char *prefix, int n)
{
    char name[4096];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s.%d", prefix, i);
        owned[owning++] = open_file(name, O_RDWR | O_CREAT | O_TRUNC);
    }
}

static void write_lines(int n)
{
    char line[64];
    for (int i = 0; i < n; i++)
        for (int k = 0; k < owning; k++) {
            snprintf(line, sizeof line, "file %d line %d\n", k, i);
            put(owned[k], line);
            allocate(500, (size_t)(16 + i * 7 % 5000), false);
        }
}

static void show_descriptors(void)
{
    char line[64];
    for (int fd = 0; fd < 20000; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
            continue;
        snprintf(line, sizeof line, "%d %s%s\n", fd,
                 (flags & O_ACCMODE) == O_RDONLY   ? "read"
                 : (flags & O_ACCMODE) == O_WRONLY ? "write"
                                                   : "both",
                 fcntl(fd, F_GETFD) & FD_CLOEXEC ? " cloexec" : "");
        put(1, line);
    }
}

/* The block whose "{" is at `at`. */
static struct block braces(char **at, char **to)
{
    int depth = 0;
    for (char **p = at; p < to; p++) {
        depth += strcmp(*p, "{") == 0;
        depth -= strcmp(*p, "}") == 0;
        if (depth == 0)
            return (struct block){at + 1, p};
    }
    errno = EINVAL;
    broken("braces");
    return (struct block){at, at};
}

/* The arguments of an exec: all up to the end of the block. */
static char **arguments(struct block actions)
{
    static char *list[256];
    int n = 0;
    for (char **p = actions.from; p < actions.to && n < 255; p++)
        list[n++] = *p;
    list[n] = NULL;
    return list;
}

static void must_fail(const char *how, char *path)
{
    char *list[] = {path, NULL};
    pid_t child;
    if (strcmp(how, "failed") == 0)
        execv(path, list);
    else if (strcmp(how, "failedp") == 0)
        execvp(path, list);
    else if (posix_spawn(&child, path, NULL, NULL, list, environ) == 0)
        broken("a spawn that should have failed");
}

static void run(struct block actions)
{
    for (char **at = actions.from; at < actions.to; at++) {
        const char *what = *at;
#define IS(name) (strcmp(what, name) == 0)
#define NEXT     (++at < actions.to ? *at : "")
        if (IS("a") || IS("t")) {
            long n = atol(NEXT);
            allocate(n, (size_t)atol(NEXT), IS("a"));
        } else if (IS("free")) {
            while (keeping > 0)
                free(kept[--keeping]);
        } else if (IS("map")) {
            size_t size = (size_t)atol(NEXT);
            char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            for (size_t i = 0; pages != MAP_FAILED && i < size; i += 4096)
                pages[i] = 1;
        } else if (IS("fork") || IS("vfork") || IS("clone") || IS("clone-on-stack") ||
                   IS("leave-behind")) {
            struct block inside = braces(at + 1, actions.to);
            pid_t child = IS("vfork")   ? vfork()
                          : IS("clone") ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)
                          : IS("clone-on-stack")
                              ? clone(cloned, cloned_stack + sizeof cloned_stack, SIGCHLD, &inside)
                              : fork();
            if (child == 0) {
                run(inside);
                _exit(0);
            }
            if (child < 0)
                broken("fork");
            if (!IS("leave-behind"))
                await_child(child);
            at = inside.to;
        } else if (IS("thread") || IS("threads")) {
            int n = IS("threads") ? atoi(NEXT) : 1;
            struct block inside = braces(at + 1, actions.to);
            in_threads(n, inside);
            at = inside.to;
        } else if (IS("leave") || IS("beside")) {
            static struct block inside;
            pthread_t unused;
            inside = braces(at + 1, actions.to);
            if (pthread_create(&unused, NULL, IS("leave") ? alone : thread, &inside) != 0)
                broken("pthread_create");
            if (IS("leave"))
                pthread_exit(NULL);
            for (;;)
                pause();
        } else if (IS("on")) {
            int s = signal_of(NEXT);
            struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
            handlers[s] = braces(at + 1, actions.to);
            sigaction(s, &action, NULL);
            at = handlers[s].to;
        } else if (IS("exec") || IS("exec0") || IS("spawn")) {
            char **list = arguments((struct block){at + 1, actions.to});
            if (IS("spawn")) {
                pid_t child;
                if (posix_spawn(&child, list[0], NULL, NULL, list, environ) != 0)
                    broken("posix_spawn");
                await_child(child);
                return;
            }
            if (IS("exec"))
                execv(list[0], list);
            else
                execve(list[0], list, first_environment());
            broken(list[0]);
        } else if (IS("failed") || IS("failedp") || IS("spawn-failed")) {
            must_fail(what, at[1]);
            at++;
        } else if (IS("raise")) {
            raise(signal_of(NEXT));
        } else if (IS("kill")) {
            const char *whom = NEXT;
            kill(strcmp(whom, "parent") == 0 ? getppid() : atoi(whom), signal_of(NEXT));
        } else if (IS("fault")) {
            fault(NEXT);
        } else if (IS("end")) {
            const char *way = NEXT;
            end(way, atoi(NEXT));
        } else if (IS("cd")) {
            if (chdir(NEXT) != 0)
                broken("chdir");
        } else if (IS("root")) {
            if (chroot(NEXT) != 0 || chdir("/") != 0)
                broken("chroot");
        } else if (IS("user")) {
            uid_t user = (uid_t)atoi(NEXT);
            if (setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 ||
                setresuid(user, user, user) != 0)
                broken("setresuid");
        } else if (IS("session")) {
            setsid();
        } else if (IS("cgroup")) {
            int fd = open_file(NEXT, O_WRONLY);
            put(fd, "0");
            close(fd);
        } else if (IS("nofile")) {
            limited(RLIMIT_NOFILE, NEXT);
        } else if (IS("fsize")) {
            limited(RLIMIT_FSIZE, NEXT);
        } else if (IS("say")) {
            put(1, NEXT);
            put(1, "\n");
        } else if (IS("err")) {
            put(2, NEXT);
            put(2, "\n");
        } else if (IS("touch")) {
            close(open_file(NEXT, O_WRONLY | O_CREAT));
        } else if (IS("await")) {
            const char *path = NEXT;
            while (access(path, F_OK) != 0)
                nap(5);
        } else if (IS("sleep")) {
            nap(atol(NEXT));
        } else if (IS("sampled")) {
            await_sample();
        } else if (IS("pause")) {
            pause();
        } else if (IS("pid")) {
            number(getpid(), "\n");
        } else if (IS("signals")) {
            show_signals();
        } else if (IS("variable")) {
            const char *value = getenv(NEXT);
            put(1, value ? value : "(unset)");
            put(1, "\n");
        } else if (IS("closefrom")) {
            closefrom(atoi(NEXT));
        } else if (IS("close-each")) {
            for (int fd = atoi(NEXT); fd < 2000; fd++)
                close(fd);
        } else if (IS("close-range")) {
            close_range((unsigned)atoi(NEXT), ~0U, 0);
        } else if (IS("close")) {
            close(atoi(NEXT));
        } else if (IS("over")) {
            int from = atoi(NEXT), to = atoi(NEXT), null = open_file("/dev/null", O_RDWR);
            for (int fd = from; fd <= to; fd++)
                if (fd != null && dup2(null, fd) < 0)
                    broken("dup2");
        } else if (IS("own")) {
            const char *prefix = NEXT;
            own(prefix, atoi(NEXT));
        } else if (IS("write")) {
            write_lines(atoi(NEXT));
        } else if (IS("fds")) {
            show_descriptors();
        } else if (IS("lowest")) {
            int fd = open_file("/dev/null", O_RDONLY);
            number(fd, "\n");
            close(fd);
        } else {
            errno = EINVAL;
            broken(what);
        }
    }
}

int main(int argc, char **argv)
{
    struct block all = {argv + 1, argv + argc};
    static char own_stack[1 << 16];
    stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
    sigaltstack(&stack, NULL);
    int status = 0;
    if (argc > 3 && strcmp(argv[argc - 3], "end") == 0 && strcmp(argv[argc - 2], "return") == 0) {
        status = atoi(argv[argc - 1]);
        all.to -= 3;
    }
    run(all);
    return status;
}
