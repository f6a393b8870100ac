/*
 * tools/run/process.c - what the system says of a process: whether it lives, since when, and
 * what of its memory is resident. By /proc and kill with signal 0, of numbers that the shared
 * memory names: nothing here can harm the process that has such a number.
 */
#include "tools/run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool process_file_read(int pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, size - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    return n > 0;
}

/* The nth field of /proc/PID/stat, from the third on; NULL: there is none. */
static const char *stat_field(const char *stat, int n)
{
    const char *at = strrchr(stat, ')'); /* its name may have anything in it */
    for (int field = 2; at && field < n; field++)
        at = strchr(at + 1, ' ');
    return at;
}

/* Has every thread of it ended, and it waits for its parent to see it? A first thread that
 * ended before the others is called a zombie, too. */
static bool is_zombie(const char *stat)
{
    const char *state = stat_field(stat, 3), *threads = stat_field(stat, 20);
    return state && threads && (state[1] == 'Z' || state[1] == 'X') && atoi(threads) <= 1;
}

/* When it was started, CLOCK_BOOTTIME ns; 0: unknown. UINT64_MAX: it has ended. */
static uint64_t process_start(int pid)
{
    char text[1024];
    if (!process_file_read(pid, "stat", text, sizeof text))
        return 0;
    if (is_zombie(text))
        return UINT64_MAX;
    const char *at = stat_field(text, 22);
    unsigned long long ticks = at ? strtoull(at, NULL, 10) : 0;
    return ticks * (1000000000u / (unsigned)sysconf(_SC_CLK_TCK));
}

/* Is it there, and the one that took the image? Another one of that number started later.
 * Numbers that name groups name no process. */
bool run_process_lives(const struct run_image *image)
{
    if (image->pid <= 0 || (kill(image->pid, 0) != 0 && errno == ESRCH))
        return false;
    return process_start(image->pid) <= image->taken_at + 20000000u;
}

static uint64_t status_number(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* What malloc had may be known too late for a process that grows: `in_use` is old, and time
 * goes by between figures and sample. So a sample is held against the figures on both sides of
 * it. */
uint64_t run_process_outside(struct run_image *image)
{
    const struct run_figures *f = &image->figures;
    uint64_t blocks = f->in_use > f->live ? f->in_use : f->live;
    uint64_t has = blocks + f->cached + f->metadata;
    uint64_t most = has > image->malloc_had ? has : image->malloc_had;
    if (image->own > most && image->own - most > image->outside)
        image->outside = image->own - most;
    return has;
}

/* Resident memory, and how much of the process's own is not malloc's. Returns what is
 * resident now. */
uint64_t run_process_sample(struct run_image *image, uint64_t *of_files)
{
    char status[4096];
    if (!process_file_read(image->pid, "status", status, sizeof status))
        return 0;
    uint64_t most = status_number(status, "\nVmHWM:"), own = status_number(status, "\nRssAnon:");
    uint64_t files = status_number(status, "\nRssFile:");
    if (most > image->resident)
        image->resident = most;
    if (files > image->files)
        image->files = files;
    image->malloc_had = run_process_outside(image);
    image->own = own;
    *of_files = files + status_number(status, "\nRssShmem:");
    return status_number(status, "\nVmRSS:");
}
