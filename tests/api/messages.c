/* Lines that weir writes on its own account, to a program's sink in place of standard error. */
#include "../helpers/core.h"
#include "../helpers/scratch.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

static char heard[4096];
static size_t nheard;

static void hear(const char *line, size_t length, void *user)
{
    cr_assert_eq(line[length], 0);
    cr_assert_eq(strlen(line), length);
    cr_assert_null(strchr(line, '\n'));
    __atomic_add_fetch(&nheard, 1, __ATOMIC_RELAXED);
    if (user)
        snprintf(heard, sizeof heard, "%s%s", (const char *)user, line);
}

/* What a child process does, and the sink writes there as a signal handler would. */
static void tell_pipe(const char *line, size_t length, void *to)
{
    if (write(*(int *)to, line, length) >= 0 && write(*(int *)to, "|", 1) >= 0)
        return;
}

struct child {
    char sink[4096], standard_error[4096];
    int status;
};

static void read_all(int from, char *to, size_t size)
{
    ssize_t n;
    size_t at = 0;
    while (at < size - 1 && (n = read(from, to + at, size - 1 - at)) > 0)
        at += (size_t)n;
    to[at] = 0;
    close(from);
}

static struct child child_run(void (*act)(void), bool sink)
{
    static int ends[2], errors[2];
    struct child c;
    cr_assert(pipe(ends) == 0 && pipe(errors) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]), close(errors[0]);
        dup2(errors[1], STDERR_FILENO);
        if (sink && weir_set_message_sink(tell_pipe, &ends[1]))
            _exit(99);
        act();
        _exit(0);
    }
    close(ends[1]), close(errors[1]);
    read_all(ends[0], c.sink, sizeof c.sink);
    read_all(errors[0], c.standard_error, sizeof c.standard_error);
    cr_assert_eq(waitpid(pid, &c.status, 0), pid);
    return c;
}

static void free_twice(void)
{
    void *block = weir_allocate(weir_cpu_allocator(), 100);
    weir_deallocate(weir_cpu_allocator(), block);
    weir_deallocate(weir_cpu_allocator(), block);
}

Test(messages, misuse_is_told_and_the_process_aborts)
{
    struct child c = child_run(free_twice, true);
    cr_assert(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
    cr_assert_str_eq(c.standard_error, "");
    cr_assert_eq(strncmp(c.sink, "weir: double free: 0x", 21), 0, "%s", c.sink);
    cr_assert_not_null(strstr(c.sink, "(allocator \"cpu\")|"));
    c = child_run(free_twice, false);
    cr_assert(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGABRT);
    cr_assert_eq(strncmp(c.standard_error, "weir: double free: 0x", 21), 0);
    cr_assert_eq(c.standard_error[strlen(c.standard_error) - 1], '\n');
    cr_assert_str_eq(c.sink, "");
}

static void quietly(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)what, (void)pointer, (void)line, (void)user;
}

Test(messages, a_handler_has_misuse_to_itself)
{
    weir_set_misuse_handler(quietly, NULL);
    cr_assert_eq(weir_set_message_sink(hear, "a: "), 0);
    free_twice();
    cr_assert_eq(nheard, 0);
}

/* The recording's file is closed under it: a line, and no misuse. */
static void lose_a_recording(void)
{
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "message");
    struct stat its, about;
    cr_assert_eq(weir_trace_start(path, NULL), 0);
    cr_assert_eq(stat(path, &its), 0);
    for (int fd = 3; fd < 2000; fd++)
        if (fstat(fd, &about) == 0 && about.st_dev == its.st_dev && about.st_ino == its.st_ino)
            close(fd);
    for (int i = 0; i < 200000; i++)
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
    (void)weir_trace_stop();
    unlink(path);
}

Test(messages, a_recording_that_ended_is_told)
{
    struct child c = child_run(lose_a_recording, true);
    cr_assert_str_eq(c.sink, "weir: the recording ended: the program closed the descriptor of its "
                             "file|");
    cr_assert_str_eq(c.standard_error, "");
    c = child_run(lose_a_recording, false);
    cr_assert_str_eq(c.standard_error, "weir: the recording ended: the program closed the "
                                       "descriptor of its file\n");
}

static void end_with_report(void)
{
    setenv("WEIR_REPORT", "-", 1);
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 12345));
    exit(0);
}

Test(messages, the_report_at_the_end)
{
    struct child c = child_run(end_with_report, true);
    cr_assert_eq(c.status, 0);
    cr_assert_not_null(strstr(c.sink, "peak 12345 bytes, live 0 bytes in 0 blocks"), "%s", c.sink);
    cr_assert_null(strstr(c.standard_error, "peak"), "beside a sanitizer's own lines");
    c = child_run(end_with_report, false);
    cr_assert_not_null(strstr(c.standard_error, "peak 12345 bytes"));
}

static void misuse_within(const char *line, size_t length, void *to)
{
    tell_pipe(line, length, to);
    weir_deallocate(weir_cpu_allocator(), (void *)(uintptr_t)0x1234560);
}

static void free_twice_twice(void)
{
    static int null = -1;
    cr_assert_eq(weir_set_message_sink(misuse_within, &null), 0);
    free_twice();
}

Test(messages, what_a_sink_causes_goes_to_standard_error)
{
    struct child c = child_run(free_twice_twice, true);
    cr_assert(WIFSIGNALED(c.status));
    cr_assert_eq(strncmp(c.standard_error, "weir: foreign pointer: 0x1234560", 32), 0, "%s",
                 c.standard_error);
}

static void unset_and_free_twice(void)
{
    cr_assert_eq(weir_set_message_sink(NULL, NULL), 0);
    free_twice();
}

Test(messages, null_is_standard_error_again)
{
    struct child c = child_run(unset_and_free_twice, true);
    cr_assert_str_eq(c.sink, "");
    cr_assert_eq(strncmp(c.standard_error, "weir: double free", 17), 0);
}

/* One that was set before costs no room. */
Test(messages, there_is_room_for_256)
{
    static char users[300];
    for (int i = 0; i < 256; i++)
        for (int again = 0; again < 3; again++)
            cr_assert_eq(weir_set_message_sink(hear, &users[i]), 0);
    cr_assert_eq(weir_set_message_sink(hear, &users[256]), ENOSPC);
    cr_assert_eq(weir_set_message_sink(hear, &users[7]), 0);
    cr_assert_eq(weir_set_message_sink(NULL, NULL), 0);
    cr_assert_eq(weir_set_message_sink(hear, &users[255]), 0);
}

static bool done;

static void match(const char *line, size_t length, void *user)
{
    hear(line, length, NULL);
    cr_assert_eq(*(char *)user, 'x');
}

static void *set_and_unset(void *unused)
{
    static char users[100];
    memset(users, 'x', sizeof users);
    for (unsigned i = 0; !__atomic_load_n(&done, __ATOMIC_ACQUIRE); i++) {
        weir_set_message_sink(match, &users[i % sizeof users]);
        sched_yield(); /* the lock is not fair, and who complains is to have it now and then */
    }
    return unused;
}

/* A recording's complaint without end of the process, while sinks change. */
Test(messages, beside_threads_that_set_them)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, set_and_unset, NULL), 0);
    usleep(20000);
    unsigned rounds = (unsigned)scaled(20);
    for (unsigned n = 0; n < rounds; n++)
        lose_a_recording();
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(nheard, rounds);
}
