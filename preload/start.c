/*
 * preload/start.c - what the environment asks of a preloaded process: a budget
 * (WEIR_LIMIT), a record (WEIR_RECORD), a report (WEIR_REPORT, and weir run's own page).
 * Read in a constructor, because the C library knows no environment before its own has run. Also
 * says what becomes of a wrong pointer.
 */
#include "preload/environment.h"
#include "preload/preload.h"
#include "preload/report.h"

#include "alloc/context.h"
#include "alloc/observe.h"
#include "base/error.h"

#include <weir/trace.h>

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define RECORDED "WEIR_RECORD_PID"

static void complain(const char *what, const char *value)
{
    char line[200];
    int length = snprintf(line, sizeof line, "weir: %s: \"%.80s\"\n", what, value);
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written;
}

/* -- the budget -------------------------------------------------------------------------- */

/* "512M", "2G", "1048576", "1.5G" is not one. 0: not a size. */
static size_t size_parse(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *units = "KMGT";
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (end == text || *text == '-' || errno || (unit ? end[1] : *end) ||
        number > (unsigned long long)PTRDIFF_MAX >> shift)
        return 0;
    return (size_t)number << shift;
}

static void limit_set(void)
{
    const char *text = secure_getenv("WEIR_LIMIT");
    if (!text || !*text)
        return;
    size_t bytes = size_parse(text);
    if (!bytes)
        complain("WEIR_LIMIT is not a size", text);
    else if (weir_set_limit(&weir__cpu, bytes))
        complain("WEIR_LIMIT is less than what the program has already", text);
}

/* -- the record ---------------------------------------------------------------------------- */

static pid_t recorded; /* this process, if it records; a child of vfork sees another's */

/* WEIR_RECORD=FILE: of the first process that sees it, and of what that becomes by exec;
 * its children are not recorded. The environment remembers who it is. */
static void record_start(void)
{
    const char *path = secure_getenv("WEIR_RECORD"), *who = secure_getenv(RECORDED);
    char self[24];
    if (!path || !*path)
        return;
    snprintf(self, sizeof self, "%d", (int)getpid());
    if (!who || !*who)
        setenv(RECORDED, self, 1);
    else if (strcmp(who, self) != 0)
        return;
    int error = weir_trace_start(path, NULL);
    if (error)
        complain("cannot record to", path);
    else
        recorded = getpid();
}

void preload_record_stop(void)
{
    weir_trace_status status;
    if (recorded == getpid() && weir_trace_read(&status) == 0 && status.recording &&
        weir__core_is_quiet())
        weir_trace_stop();
}

/* -- wrong pointers ---------------------------------------------------------------------- */

/* Where the dynamic loader lies, up to the end of its last page: there it allocates
 * before any malloc exists, and may free when ours does. */
static uintptr_t loader_start, loader_end;

static void loader_find(void)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)getauxval(AT_BASE);
    if (!header)
        return;
    loader_start = (uintptr_t)header;
    const ElfW(Phdr) *part = (const ElfW(Phdr) *)(loader_start + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++)
        if (part[i].p_type == PT_LOAD)
            loader_end = weir__max(loader_end, loader_start + part[i].p_vaddr + part[i].p_memsz);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    loader_end = weir__round_up(loader_end, page);
}

bool preload_is_loaders(const void *pointer)
{
    uintptr_t address = (uintptr_t)pointer;
    return address >= loader_start && address < loader_end;
}

/* As weir does everywhere: one line, then abort. */
static void misuse(weir_misuse what, const void *pointer, const char *line, void *unused)
{
    (void)unused;
    if (what == WEIR_MISUSE_FOREIGN_POINTER && preload_is_loaders(pointer))
        return;
    ssize_t written = write(STDERR_FILENO, line, strlen(line));
    written = write(STDERR_FILENO, "\n", 1);
    (void)written;
    abort();
}

/* -- the report of a process by itself ----------------------------------------------------- */

/* WEIR_REPORT=FILE (or "-": standard error): one line for each process at its end. */
static void line_write(void)
{
    const char *path = secure_getenv("WEIR_REPORT");
    if (!path || !*path)
        return;
    char line[512];
    weir_stats stats = {.size = sizeof stats};
    weir_stats_get(&weir__cpu, &stats);
    int length = snprintf(line, sizeof line,
                          "weir: %s (%d): peak %zu bytes, live %zu bytes in %zu blocks, "
                          "%zu allocated, %zu freed, %zu refused\n",
                          program_invocation_short_name, (int)getpid(), stats.peak_allocated,
                          stats.total_allocated, stats.allocation_count, stats.allocations,
                          stats.deallocations, stats.failures);
    if (!preload_malloc_is_ours())
        length = snprintf(line, sizeof line,
                          "weir: %s (%d): has a malloc of its own, of which weir knows nothing\n",
                          program_invocation_short_name, (int)getpid());
    int file = strcmp(path, "-") == 0 ? STDERR_FILENO
                                      : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0)
        return;
    ssize_t written = write(file, line, weir__min((size_t)length, sizeof line - 1));
    (void)written;
    if (file != STDERR_FILENO)
        close(file);
}

/* -- start and end ------------------------------------------------------------------------- */

static void preload_end(void);

__attribute__((constructor)) static void preload_start(void)
{
    weir__allocator_check(&weir__cpu, NULL);
    loader_find();
    preload_last_start();
    preload_exec_start();
    preload_load_start();
    preload_owner_start();
    weir_set_misuse_handler(misuse, NULL);
    limit_set();
    preload_report_start();
    record_start();
    preload_environment_start();
    pthread_atfork(preload_report_fork, NULL, preload_report_forked);
    at_quick_exit(preload_end);
}

/* What exit and quick_exit come to; the former after every other destructor it can. */
__attribute__((destructor)) static void preload_end(void)
{
    line_write();
    preload_report_last(WEIR__RUN_EXITED);
}
