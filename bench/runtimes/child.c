/* bench/runtimes/child.c - see child.h. */
#include "bench/runtimes/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double child_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

long child_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

long child_status_kib(const char *key)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            value = strtol(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    return value;
}

uint64_t child_hash(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

void *child_ask(const char *program, const char *allocator, size_t size, child_work *work,
                void *user, int *status)
{
    int end = 0;
    void *answer =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    fflush(NULL);
    pid_t pid = answer == MAP_FAILED ? -1 : fork();
    if (pid == 0)
        exit(work(user, answer));
    if (pid < 0 || waitpid(pid, &end, 0) != pid) {
        perror(program);
    } else if (WIFEXITED(end)) {
        *status = WEXITSTATUS(end);
        return answer;
    } else {
        fprintf(stderr, "%s: the child with %s died of signal %d\n", program, allocator,
                WTERMSIG(end));
    }
    return NULL;
}
