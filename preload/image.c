/*
 * preload/image.c - see image.h.
 *
 * The memory comes by the path that the environment names. Where that cannot be opened
 * (another user, another root, another PID namespace) it comes over an abstract socket, to
 * who knows the key. No descriptor is kept.
 *
 * A thread's heap lies in pages of its own, so that its first line, the tally, is the end of
 * a page: that page is one of the shared memory, put there by mremap (an old size of 0 means
 * a second mapping of the same pages), the pages behind it are private.
 */
#include "preload/image.h"

#include "alloc/block.h"
#include "alloc/observe.h"
#include "base/lock.h"
#include "observe/recorder.h"
#include "observe/stream.h"
#include "observe/trace_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void *page;                    /* NULL: nobody reads */
static struct weir__run_image *image; /* NULL: no room was left */
static uint32_t image_index;
static size_t unit;               /* of tallies: the system's page */
static char *fork_sentinel;       /* not 0 here; the kernel clears it in a forked child */

struct weir__run_image *preload_image(void)
{
    return image;
}

struct weir__run_image *preload_image_own(void)
{
    return image && image->pid == getpid() ? image : NULL;
}

/* -- the memory --------------------------------------------------------------------------- */

/* The descriptor, or -1. */
static int socket_receive(int from, const char *key)
{
    char byte;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct timeval patience = {0, 200000};
    int file = -1;
    if (setsockopt(from, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        send(from, key, strlen(key), MSG_NOSIGNAL) < 0 ||
        recvmsg(from, &message, MSG_CMSG_CLOEXEC) < 0)
        return -1;
    const struct cmsghdr *got = CMSG_FIRSTHDR(&message);
    if (got && got->cmsg_level == SOL_SOCKET && got->cmsg_type == SCM_RIGHTS)
        memcpy(&file, CMSG_DATA(got), sizeof file);
    return file;
}

/* "NAME KEY" */
static int socket_ask(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *key = strchr(name, ' ');
    size_t length = key ? (size_t)(key - name) : 0;
    if (!length || length + 2 > sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path + 1, name, length);
    int from = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (from < 0)
        return -1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    int file = connect(from, (struct sockaddr *)&address, size) == 0
                   ? socket_receive(from, key + 1)
                   : -1;
    close(from);
    return file;
}

/* "PATH @NAME KEY" */
static int memory_open(const char *where)
{
    char path[64];
    size_t length = strcspn(where, " ");
    if (length >= sizeof path)
        return -1;
    memcpy(path, where, length);
    path[length] = '\0';
    int file = open(path, O_RDWR | O_CLOEXEC);
    const char *name = strstr(where, " @");
    return file >= 0 || !name ? file : socket_ask(name + 2);
}

/* As the head says, if the memory is what it should be. */
static bool memory_map(int file)
{
    struct weir__run_head head;
    if (pread(file, &head, sizeof head, 0) != sizeof head || head.magic != WEIR__RUN_MAGIC ||
        head.unit != (uint32_t)sysconf(_SC_PAGESIZE) ||
        head.bytes != weir__run_bytes(head.unit, head.record))
        return false;
    void *memory = mmap(NULL, head.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        return false;
    page = memory;
    unit = head.unit;
    return true;
}

static bool memory_attach(void)
{
    const char *where = secure_getenv(WEIR__RUN_VARIABLE);
    int file = where && *where ? memory_open(where) : -1;
    if (file < 0)
        return false;
    bool mapped = memory_map(file);
    close(file);
    return mapped;
}

/* -- the image ---------------------------------------------------------------------------- */

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void command_join(char *text, size_t size, int argc, char **argv)
{
    size_t length = 0;
    for (int i = 0; i < argc && length + 1 < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", i ? " " : "", argv[i]);
}

/* An image owns itself, so its index must be known to take it. -1: there is no room. */
static int64_t image_index_take(struct weir__run_head *head)
{
    uint32_t from = __atomic_load_n(&head->image_hint, __ATOMIC_RELAXED);
    if (__atomic_load_n(&head->closed, __ATOMIC_RELAXED))
        return -1;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        uint32_t at = (from + i) % WEIR__RUN_IMAGES, none = 0;
        if (__atomic_compare_exchange_n(&weir__run_image_owner(head)[at], &none, at + 1, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            __atomic_store_n(&head->image_hint, (at + 1) % WEIR__RUN_IMAGES, __ATOMIC_RELAXED);
            return at;
        }
    }
    __atomic_add_fetch(&head->noted_lost, 1, __ATOMIC_RELAXED);
    return -1;
}

/* A new image, with what fork must know at once. NULL: there is no room. */
static struct weir__run_image *image_take(uint32_t flags)
{
    struct weir__run_head *head = page;
    int64_t index = image_index_take(head);
    if (index < 0)
        return NULL;
    image_index = (uint32_t)index;
    struct weir__run_image *taken = weir__run_image(head, image_index);
    taken->kind = WEIR__RUN_MALLOC;
    taken->flags = flags;
    taken->pid = getpid();
    taken->parent = getppid();
    taken->serial = __atomic_add_fetch(&head->serial, 1, __ATOMIC_RELAXED);
    taken->taken_at = clock_read(CLOCK_BOOTTIME);
    taken->started = clock_read(CLOCK_MONOTONIC);
    return taken;
}

static void image_ready(struct weir__run_image *taken)
{
    __atomic_store_n(&taken->state, WEIR__RUN_RUNNING, __ATOMIC_RELEASE);
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
} areas;

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
    memset((char *)from + unit - WEIR__LINE, 0, WEIR__LINE);
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
    mmap(to, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
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

/* Every lock of weir is held, every window closed. What the parent has in the memory is not
 * touched. */
static void forked_first(void)
{
    const struct weir__run_image *parent = image;
    if (fork_sentinel)
        *fork_sentinel = 1; /* weir was told */
    image = image_take(WEIR__RUN_FORKED | (parent ? parent->flags & WEIR__RUN_SHOWN : 0));
    areas.lock = (weir__lock){0};
    areas.free = NULL; /* their tallies are the parent's */
    bool shown = image && image->flags & WEIR__RUN_SHOWN;
    weir__heaps_place_again(heap_place_again, shown ? &image->shown : NULL);
    weir__recorder_outside_cut();
    if (!image)
        return;
    weir__trace_account = &image->account;
    if (parent)
        memcpy(image->command, parent->command, sizeof image->command);
    image_ready(image);
}

void preload_image_forked(void)
{
    const struct weir__run_head *head = page;
    if (image && head->record) {
        weir__trace_ring_attach(page, image_index);
        weir__recorder_outside_forked(image->command);
        image->recording = 1;
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
    weir__stream_sentinel = NULL;
    image = NULL;
    areas.free = NULL;
    weir__heaps_place_apart(heap_place_apart);
    weir__recorder_outside_cut();
    weir__trace_ring_attach(NULL, 0);
    __atomic_add_fetch(&((struct weir__run_head *)page)->noted_lost, 1, __ATOMIC_RELAXED);
}

static void sentinel_make(void)
{
    char *memory =
        mmap(NULL, unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    if (madvise(memory, unit, MADV_WIPEONFORK) != 0) {
        munmap(memory, unit);
        return;
    }
    *memory = 1;
    fork_sentinel = memory;
    weir__stream_sentinel = memory;
}

/* -- start -------------------------------------------------------------------------------- */

void preload_image_start(int argc, char **argv)
{
    if (!memory_attach())
        return;
    sentinel_make();
    image = image_take(__libc_single_threaded ? WEIR__RUN_SHOWN : 0);
    if (!image)
        return;
    command_join(image->command, sizeof image->command, argc, argv);
    if (image->flags & WEIR__RUN_SHOWN)
        weir__heaps_show(&heap_places, &image->shown);
    weir__forked_first = forked_first;
    image_ready(image);
}

void preload_image_record(void)
{
    const struct weir__run_head *head = page;
    if (!image || !head->record)
        return;
    weir__trace_account = &image->account;
    weir__trace_ring_attach(page, image_index);
    weir__recorder_outside_start(image->command);
    image->recording = 1;
}

void preload_image_clock(void)
{
    if (page)
        weir__trace_clock_set(&((struct weir__run_head *)page)->clock);
}
