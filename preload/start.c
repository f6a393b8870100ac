/*
 * preload/start.c - the start and the end of a preloaded process: what the environment asks
 * (observe/environment.h), and `weir run`'s memory. In a constructor, because the C library
 * knows no environment before its own has run. Also says what becomes of a wrong pointer.
 */
#include "preload/environment.h"
#include "preload/image.h"
#include "preload/preload.h"
#include "preload/report.h"

#include "alloc/check.h"
#include "alloc/cpu.h"
#include "alloc/fork.h"
#include "alloc/hardened.h"
#include "alloc/trace.h"
#include "base/error.h"
#include "base/message.h"
#include "observe/environment.h"
#include "observe/guards.h"
#include "os/fence.h"
#include "os/segv.h"

#include <weir/trace.h>

#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* -- the recording -------------------------------------------------------------------------- */

static pid_t
    recorded; /* this process, if it records into a file; a child of vfork sees another's */

void preload_record_stop(void)
{
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    if (recorded && recorded == getpid() && weir_trace_stats_get(&status) == 0 &&
        status.recording && weir__core_is_quiet())
        weir_trace_stop();
}

/* What was recorded before an exec that failed is whole; the rest goes into another file. */
void preload_record_again(void)
{
    if (recorded == getpid() && !weir__environment_record())
        recorded = 0;
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
    weir__message_print("%s", line);
    weir__misuse_explain(what, pointer);
    abort();
}

/* -- pages ----------------------------------------------------------------------------------- */

extern char _end[] __attribute__((visibility("hidden"))); /* of this library's data */

/* The CPU allocator's own pages are written at every start. A read that came first would cost a
 * page fault more for each. */
static void pages_write_first(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = (char *)&weir__cpu;
    for (int i = 0; i < 6 && at < _end; i++, at += page)
        __atomic_fetch_or(at, 0, __ATOMIC_RELAXED);
}

/* -- start and end ------------------------------------------------------------------------- */

static void preload_end(void);

static void preload_forked(void)
{
    preload_image_forked();
    preload_report_forked();
}

__attribute__((constructor)) static void preload_start(int argc, char **argv)
{
    pages_write_first();
    weir__os_fence_optional();
    weir__allocator_check(&weir__cpu, NULL);
    loader_find();
    preload_last_start();
    preload_exec_start();
    preload_fork_start();
    preload_load_start();
    preload_exit_start();
    preload_owner_start();
    weir_set_misuse_handler(misuse, NULL);
    weir__environment_hardened();
    weir__environment_limit();
    weir__environment_sample();
    weir__segv_expect(preload_sigaction);
    weir__environment_guards(!weir__hardened_is(&weir__cpu));
    preload_image_start(argc, argv);
    preload_report_start();
    if (!preload_malloc_is_ours())
        preload_report_foreign();
    if (preload_image())
        preload_image_record();
    else if (weir__environment_record())
        recorded = getpid();
    preload_environment_start();
    weir__fork_register(NULL, NULL, preload_forked);
    weir__environment_background();
    (void)at_quick_exit(preload_end); /* where it fails quick_exit reports nothing */
}

/* What exit and quick_exit come to; the former after every other destructor it can. */
__attribute__((destructor)) static void preload_end(void)
{
    if (!preload_is_sandboxed())
        weir__environment_report(preload_malloc_is_ours());
    preload_record_stop();
    preload_report_last(WEIR__RUN_EXITED);
    weir__check_waiting();
}
