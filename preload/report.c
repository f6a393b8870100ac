/*
 * preload/report.c - keeps this process's slot true: at the start, now and then while
 * it runs, in full at its end. Owns the slot and the note of when the peak was seen;
 * knows nothing of who reads them. Never allocates.
 *
 * A writer takes `writing`; who finds it taken leaves it to the other. The slot itself
 * is read by another process, which looks at `version`.
 */
#include "preload/report.h"
#include "preload/preload.h"

#include "alloc/block.h"
#include "alloc/observe.h"
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REFRESH_NS 50000000u

static void *page;                   /* the whole memory; NULL: nobody listens */
static struct weir__run_slot *slot;  /* ours; NULL: none was left */
static struct weir__meter_note peak; /* under `writing` */
static uint64_t peak_at;
static uint64_t refreshed_at;                     /* coarse clock; atomic */
static uint64_t before_allocations, before_frees; /* of the parent, until the fork */
static int writing;

static bool writing_take(void)
{
    return !__atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE);
}

static void writing_drop(void)
{
    __atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
}

static uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Not in a child of vfork. Nobody asks the system in a sandbox, which may forbid it. */
static bool slot_is_ours(void)
{
    return preload_is_sandboxed() || slot->pid == getpid();
}

static void slot_begin(void)
{
    __atomic_store_n(&slot->version, slot->version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void slot_end(void)
{
    __atomic_store_n(&slot->version, slot->version + 1, __ATOMIC_RELEASE);
}

/* Of /proc/self/statm the second number, in bytes; 0: unknown. */
static uint64_t resident_now(void)
{
    char line[128];
    if (preload_is_sandboxed())
        return 0;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, line, sizeof line - 1);
    if (file >= 0)
        close(file);
    if (got <= 0)
        return 0;
    line[got] = '\0';
    const char *second = strchr(line, ' ');
    return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* -- figures -------------------------------------------------------------------------- */

static void figures_write(void)
{
    weir_stats stats = {.size = sizeof stats};
    weir_stats_get(&weir__cpu, &stats);
    if (weir__peak_note(&weir__cpu, NULL, &peak))
        peak_at = clock_now();
    slot->peak = stats.peak_allocated > peak.peak ? stats.peak_allocated : peak.peak;
    slot->peak_blocks = peak.blocks;
    slot->peak_at = peak_at;
    slot->live = stats.total_allocated;
    slot->blocks = stats.allocation_count;
    slot->allocations = stats.allocations - before_allocations;
    slot->frees = stats.deallocations - before_frees;
    slot->failures = stats.failures;
    slot->in_use = stats.in_use;
    slot->cached = stats.cached;
    slot->reserved = stats.reserved;
    slot->metadata = stats.metadata;
    slot->limit = stats.limit;
    slot->resident = resident_now();
    slot->as_of = clock_now();
}

static int class_count(const weir_block *block, void *classes)
{
    bool small = weir__map_is_slabs(block->address);
    unsigned class = small ? weir__slab_class(weir__slab_of(block->address)) : WEIR__CLASSES;
    struct weir__run_class *at = (struct weir__run_class *)classes + class;
    at->blocks++;
    at->bytes += block->requested;
    if (!small)
        at->held += block->usable;
    return 0;
}

_Static_assert(WEIR__RUN_CLASSES == WEIR__CLASSES + 1, "a row a class, and one for large blocks");

static void classes_write(void)
{
    struct weir__body *body = weir__cpu.body;
    struct weir__center *center;
    memset(slot->classes, 0, sizeof slot->classes);
    for (unsigned class = 0; class < WEIR__CLASSES; class ++)
        slot->classes[class].size = weir__class_bytes[class];
    for (unsigned i = 0; (center = weir__body_center(body, i)); i++)
        slot->classes[i % WEIR__CLASSES].held += __atomic_load_n(&center->nslabs, __ATOMIC_RELAXED)
                                                 << WEIR__SLAB_SHIFT;
    weir_allocator_walk(&weir__cpu, class_count, slot->classes);
}

/* -- when ------------------------------------------------------------------------------ */

/* On slow routes: a new peak gets its time, and the slot is kept fresh. */
static void report_watch(const struct weir__window *own)
{
    if (!slot || !writing_take())
        return;
    int saved = errno;
    if (weir__peak_note(&weir__cpu, own, &peak))
        peak_at = clock_now();
    uint64_t now = weir__os_coarse_time();
    if (now - refreshed_at >= REFRESH_NS) {
        refreshed_at = now;
        slot_begin();
        figures_write();
        slot_end();
    }
    errno = saved;
    writing_drop();
}

static void program_name(char *name, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", name, size - 1);
    if (length <= 0) {
        snprintf(name, size, "%s", program_invocation_short_name);
        return;
    }
    name[length] = '\0';
    const char *base = strrchr(name, '/');
    if (base)
        memmove(name, base + 1, strlen(base));
}

static void slot_claim(void)
{
    struct weir__run_head *head = page;
    uint32_t index = __atomic_fetch_add(&head->claimed, 1, __ATOMIC_RELAXED);
    slot = index < WEIR__RUN_SLOTS ? weir__run_slot(page, index) : NULL;
    if (!slot)
        return;
    slot->pid = getpid();
    slot->parent = getppid();
    program_name(slot->program, sizeof slot->program);
    slot->started = clock_now();
    slot_begin();
    figures_write();
    slot_end();
    __atomic_store_n(&slot->state, WEIR__RUN_STARTED, __ATOMIC_RELEASE);
}

void preload_report_start(void)
{
    const char *path = secure_getenv(WEIR__RUN_VARIABLE);
    int file = path && *path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *memory = mmap(NULL, WEIR__RUN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED)
        return;
    if (((struct weir__run_head *)memory)->magic != WEIR__RUN_MAGIC) {
        munmap(memory, WEIR__RUN_BYTES);
        return;
    }
    page = memory;
    slot_claim();
    weir__slow_watch(report_watch);
}

void preload_report_fork(void)
{
    if (!slot || !writing_take())
        return;
    if (weir__peak_note(&weir__cpu, NULL, &peak))
        peak_at = clock_now();
    writing_drop();
}

void preload_report_forked(void)
{
    weir_stats stats = {.size = sizeof stats};
    if (!page)
        return;
    writing = 0;
    weir_reset_peak(&weir__cpu);
    weir_stats_get(&weir__cpu, &stats);
    before_allocations = stats.allocations;
    before_frees = stats.deallocations;
    peak = (struct weir__meter_note){0};
    slot_claim();
}

void preload_report_last(enum weir__run_state state)
{
    if (!slot || !slot_is_ours() || !writing_take())
        return;
    int saved = errno;
    if (weir__core_is_quiet()) {
        slot_begin();
        figures_write();
        classes_write();
        slot_end();
    }
    __atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
    errno = saved;
    writing_drop();
}

void preload_report_again(void)
{
    if (slot && slot_is_ours())
        __atomic_store_n(&slot->state, WEIR__RUN_STARTED, __ATOMIC_RELEASE);
}
