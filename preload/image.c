/*
 * preload/image.c - see image.h.
 *
 * A thread's heap lies in its own pages, so that its first line, the tally, is the end of
 * a page: that page is one of the shared memory, put there by mremap (an old size of 0 means
 * a second mapping of the same pages), the pages behind it are private.
 */
#include "preload/image.h"
#include "preload/preload.h"

#include "alloc/fork.h"
#include "alloc/heap.h"
#include "observe/event.h"
#include "observe/recorder.h"
#include "observe/run_attach.h"
#include "observe/trace_sink.h"
#include "os/locks.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *page;                    /* NULL: nobody reads */
static struct weir__run_image *image; /* NULL: no room was left */
static uint32_t image_index;
static size_t unit;                    /* of tallies: the system's page */
static char *fork_sentinel;            /* not 0 here; the kernel clears it in a forked child */
static struct weir__run_image *before; /* where `image` is NULL: its command, for children */

struct weir__run_image *preload_image(void)
{
    return image;
}

struct weir__run_image *preload_image_own(void)
{
    return image && (preload_is_sandboxed() || image->pid == getpid()) ? image : NULL;
}

/* -- tallies and heaps -------------------------------------------------------------------- */

/* What lies behind a heap, in its private pages. */
struct area {
    struct area *next;
    uint32_t number;
};

static struct {
    weir__lock lock;
    struct area *free;
} areas = {.lock = WEIR__LOCK(LISTED)};
WEIR__LOCKS_KNOW(LISTED, &areas.lock);

static size_t area_pages(size_t size)
{
    return weir__round_up(size - WEIR__LINE + sizeof(struct area), unit);
}

static struct area *area_of(void *heap, size_t size)
{
    return (struct area *)((char *)heap + size);
}

static char *area_page(void *heap)
{
    return (char *)heap + WEIR__LINE - unit;
}

/* Puts a shared page at `to`; its number, or 0: what is there is as it was. */
static uint32_t tally_put(void *to)
{
    struct weir__run_head *head = page;
    int64_t at = weir__run_take(weir__run_tally_owner(head), WEIR__RUN_TALLIES, &head->tally_hint,
                                image_index + 1);
    if (at < 0)
        return 0;
    void *from = weir__run_tally_page(head, unit, (uint32_t)at);
    int saved = errno;
    void *got = mremap(from, 0, unit, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    errno = saved;
    if (got == to)
        return (uint32_t)at + 1;
    __atomic_store_n(&weir__run_tally_owner(head)[at], 0, __ATOMIC_RELEASE);
    return 0;
}

static void *area_make(size_t size)
{
    int saved = errno;
    char *memory = mmap(NULL, unit + area_pages(size), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return memory == MAP_FAILED ? NULL : memory + unit - WEIR__LINE;
}

static void area_unmap(void *heap, size_t size)
{
    int saved = errno;
    munmap(area_page(heap), unit + area_pages(size));
    errno = saved;
}

static void *heap_take(size_t size, uint32_t *number)
{
    if (!image)
        return NULL;
    weir__lock_take(&areas.lock);
    struct area *area = areas.free;
    if (area)
        areas.free = area->next;
    weir__lock_drop(&areas.lock);
    void *heap = area ? (char *)area - size : area_make(size);
    if (!heap)
        return NULL;
    if (area)
        memset(heap, 0, size);
    else if (!(area_of(heap, size)->number = tally_put(area_page(heap)))) {
        area_unmap(heap, size);
        return NULL;
    }
    *number = area_of(heap, size)->number;
    return heap;
}

/* The tally was added to `other`: once it is zero, nothing is counted twice. */
static void heap_give(void *heap, size_t size)
{
    struct area *area = area_of(heap, size);
    if (!area->number) {
        area_unmap(heap, size);
        return;
    }
    memset(heap, 0, WEIR__LINE);
    if (image)
        __atomic_store_n(&image->shown.moving, 0, __ATOMIC_SEQ_CST);
    weir__lock_take(&areas.lock);
    area->next = areas.free;
    areas.free = area;
    weir__lock_drop(&areas.lock);
}

static const struct weir__heap_places heap_places = {.take = heap_take, .give = heap_give};

/* -- fork --------------------------------------------------------------------------------- */

static void private_put(void *to)
{
    int saved = errno;
    /* Where it fails the page stays its parent's, too: there is nobody to tell. */
    (void)mmap(to, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    errno = saved;
}

/* A page of this process's own under the heap's tally. */
static void heap_place_again(void *heap, size_t size, bool own, uint32_t *number)
{
    *number = own && image ? tally_put(area_page(heap)) : 0;
    if (!*number)
        private_put(area_page(heap));
    area_of(heap, size)->number = *number;
}

/* Of the image that this process has not. In separate pages: few processes need it. */
static void command_keep(const struct weir__run_image *from)
{
    int saved = errno;
    void *memory = !from ? MAP_FAILED
                         : mmap(NULL, sizeof *from, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    if (memory != MAP_FAILED)
        weir__run_command_copy(before = memory, from);
}

/* Every lock of weir is held, every window closed. What the parent has in the memory is not
 * touched. */
static void forked_first(void)
{
    const struct weir__run_image *parent = image;
    weir__trace_account_leave();
    if (fork_sentinel)
        *fork_sentinel = 1; /* weir was told */
    image = weir__run_image_take(page, WEIR__RUN_MALLOC,
                                 WEIR__RUN_FORKED | (parent ? parent->flags & WEIR__RUN_SHOWN : 0),
                                 &image_index);
    areas.free = NULL; /* their tallies are the parent's */
    bool shown = image && image->flags & WEIR__RUN_SHOWN;
    weir__heaps_place_again(heap_place_again, shown ? &image->shown : NULL);
    weir__recorder_outside_cut();
    if (!image) {
        command_keep(parent);
        return;
    }
    weir__trace_account = &image->account;
    if (parent || before)
        weir__run_command_copy(image, parent ? parent : before);
    weir__run_image_ready(image);
}

void preload_image_forked(void)
{
    const struct weir__run_head *head = page;
    if (image && head->record) {
        weir__trace_ring_attach(page, image_index);
        weir__recorder_outside_forked(image->pid, image->command);
    } else if (page) {
        weir__trace_ring_attach(NULL, 0);
    }
}

/* Copies each tally to a page of this process: from here on nobody reads it. */
static void heap_place_apart(void *heap, size_t size, bool own, uint32_t *number)
{
    struct weir__tally tally;
    (void)own;
    memcpy(&tally, heap, sizeof tally);
    private_put(area_page(heap));
    memcpy(heap, &tally, sizeof tally);
    area_of(heap, size)->number = *number = 0;
}

void preload_image_check(void)
{
    if (!fork_sentinel || weir__likely(*fork_sentinel))
        return;
    fork_sentinel = NULL;
    weir__trace_sentinel = NULL;
    weir__trace_account_leave();
    command_keep(image);
    image = NULL;
    areas.free = NULL;
    weir__heaps_place_apart(heap_place_apart);
    weir__recorder_outside_cut();
    weir__trace_ring_attach(NULL, 0);
    __atomic_add_fetch(&((struct weir__run_head *)page)->noted_lost, 1, __ATOMIC_RELAXED);
}

static void sentinel_make(void)
{
    char *memory = mmap(NULL, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    if (madvise(memory, unit, MADV_WIPEONFORK) != 0) {
        munmap(memory, unit);
        return;
    }
    *memory = 1;
    fork_sentinel = memory;
    weir__trace_sentinel = memory;
}

/* -- start -------------------------------------------------------------------------------- */

void preload_image_start(int argc, char **argv)
{
    page = weir__run_attach();
    if (!page)
        return;
    unit = ((struct weir__run_head *)page)->unit;
    sentinel_make();
    image = weir__run_image_take(page, WEIR__RUN_MALLOC,
                                 __libc_single_threaded ? WEIR__RUN_SHOWN : 0, &image_index);
    if (!image)
        return;
    weir__run_command_set(image, argc, argv);
    if (image->flags & WEIR__RUN_SHOWN)
        weir__heaps_show(&heap_places, &image->shown);
    weir__forked_first = forked_first;
    weir__run_image_ready(image);
}

void preload_image_record(void)
{
    const struct weir__run_head *head = page;
    if (!image || !head->record)
        return;
    weir__trace_account = &image->account;
    weir__trace_ring_attach(page, image_index);
    weir__trace_looks_set(&head->clock);
    weir__recorder_outside_start(image->pid, image->command, head->stacks_from);
}

void preload_image_clock(void)
{
    if (page)
        weir__trace_clock_set(&((struct weir__run_head *)page)->clock);
}
