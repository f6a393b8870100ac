/*
 * A C library that cannot register fork handlers: a program that cannot be told of forks says so
 * in one line and stops before it could fork; a device pool is not made.
 */
#include "../helpers/core.h"
#include "../helpers/self.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

static int refuses;

/* Names this program, which weir is linked into. */
extern void *__dso_handle __attribute__((visibility("hidden")));

/* The C library's, in the way of pthread_atfork; nothing here forks but for exec. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                      void *library);
NOT_SANITIZED int __register_atfork(void (*prepare)(void), void (*parent)(void),
                                    void (*child)(void), void *library)
{
    (void)prepare, (void)parent, (void)child;
    if (library != &__dso_handle)
        return 0; /* another library's */
    return refuses || getenv("ATFORK_REFUSED") ? ENOMEM : 0;
}

static int child_status(char **argv, char line[256])
{
    int status = 0, ends[2];
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv("ATFORK_REFUSED", "1", 1);
        self_exec(argv);
        _exit(99);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], line, 255);
    line[n > 0 ? n : 0] = '\0';
    waitpid(child, &status, 0);
    return status;
}

static int expect(int condition, const char *what)
{
    if (!condition)
        fprintf(stderr, "failed: %s\n", what);
    return !condition;
}

int main(int argc, char **argv)
{
    char line[256];
    (void)argc;
    if (getenv("ATFORK_REFUSED"))
        return 98; /* a child that was not stopped: it starts none itself */
    int status = child_status(argv, line);
    int failures = expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it stops");
    failures +=
        expect(strcmp(line, "weir: no memory to register what must happen around fork\n") == 0,
               "it says why, in one line");
    refuses = 1;
    const weir_device_table *table = weir_device_host_table_create("host", (size_t)1 << 20);
    failures +=
        expect(!weir_device_allocator_create(table, NULL) && errno == ENOMEM, "no device pool");
    refuses = 0;
    weir_allocator *device = weir_device_allocator_create(table, NULL);
    failures += expect(device && weir_allocator_destroy(device) == 0, "when it can, one is made");
    return failures != 0;
}
