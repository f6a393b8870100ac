/*
 * images COMMAND...: runs it, and prints a line for each process image that there was, when it
 * ends (a child by fork is one, from the fork on):
 *   NAME PID calls N faults N between N other N: the system calls and minor page faults of the
 *   image, and the calls between two marks (getpriority(99, 0)), those that a malloc has no use
 *   for among them, whose numbers follow.
 * Exit status: that of the command.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS 8192
#define OPTIONS                                                                                    \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |      \
     PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)

struct image {
    long calls, faults, between, other, marks;
    char name[64], numbers[200];
};

static struct task {
    pid_t tid, process;
} tasks[TASKS];
static struct image images[TASKS]; /* of the task of that number whose tid is its process */

static long field(pid_t pid, int which)
{
    char path[64], text[1024], *at;
    long value = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    at = strrchr(text, ')');
    for (int i = 2; at && i < which; i++)
        at = strchr(at + 1, ' ');
    if (at)
        value = atol(at + 1);
    return value;
}

static pid_t process_of(pid_t tid)
{
    char path[64], line[200];
    int process = tid;
    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Tgid: %d", &process) == 1)
            break;
    if (file)
        fclose(file);
    return process;
}

static void begin(pid_t process, struct image *image)
{
    char path[64], to[4096];
    memset(image, 0, sizeof *image);
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process);
    ssize_t length = readlink(path, to, sizeof to - 1);
    to[length > 0 ? length : 0] = 0;
    snprintf(image->name, sizeof image->name, "%s", strrchr(to, '/') ? strrchr(to, '/') + 1 : to);
    image->faults = field(process, 10);
}

static void finish(pid_t process, struct image *image)
{
    if (image->name[0])
        fprintf(stderr, "%s %d calls %ld faults %ld between %ld other %ld:%s\n", image->name,
                (int)process, image->calls, field(process, 10) - image->faults, image->between,
                image->other, image->numbers);
    image->name[0] = 0;
}

static struct task *task_of(pid_t tid)
{
    struct task *empty = NULL;
    for (int i = 0; i < TASKS; i++) {
        if (tasks[i].tid == tid)
            return &tasks[i];
        if (!tasks[i].tid && !empty)
            empty = &tasks[i];
    }
    *empty = (struct task){.tid = tid, .process = process_of(tid)};
    if (empty->process == tid)
        begin(tid, &images[empty - tasks]);
    return empty;
}

static void called(pid_t tid, struct image *image)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    long number = (long)info.entry.nr;
    if (number == SYS_getpriority && info.entry.args[0] == 99) {
        image->marks++;
        return;
    }
    image->calls++;
    if (image->marks % 2 == 0)
        return;
    image->between++;
    if (number == SYS_mmap || number == SYS_munmap || number == SYS_mremap ||
        number == SYS_mprotect || number == SYS_madvise || number == SYS_brk || number == SYS_futex)
        return;
    size_t length = strlen(image->numbers);
    image->other++;
    if (length < sizeof image->numbers - 12)
        snprintf(image->numbers + length, sizeof image->numbers - length, " %ld", number);
}

int main(int argc, char **argv)
{
    int status, result = 0;
    pid_t first = fork();
    (void)argc;
    if (first == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    waitpid(first, &status, 0);
    if (ptrace(PTRACE_SETOPTIONS, first, NULL, OPTIONS) != 0)
        return 77;
    ptrace(PTRACE_SYSCALL, first, NULL, NULL);
    for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
        struct task *task;
        int pass = 0;
        if (!WIFSTOPPED(status)) {
            if (tid == first)
                result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            for (int i = 0; i < TASKS; i++)
                if (tasks[i].tid == tid)
                    tasks[i].tid = 0;
            continue;
        }
        task = task_of(tid);
        struct image *image = &images[task_of(task->process) - tasks];
        int event = status >> 16, s = WSTOPSIG(status);
        if (s == (SIGTRAP | 0x80))
            called(tid, image);
        else if (event == PTRACE_EVENT_EXEC) {
            finish(task->process, image);
            begin(task->process, image);
        } else if (event == PTRACE_EVENT_EXIT) {
            if (tid == task->process)
                finish(tid, image);
        } else if (!event && s != SIGSTOP && s != SIGTRAP)
            pass = s;
        ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)pass);
    }
    return result;
}
