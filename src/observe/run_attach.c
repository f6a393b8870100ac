/*
 * observe/run_attach.c - see run_attach.h.
 *
 * The memory comes by the path that the environment names. Where that cannot be opened
 * (another user, another root, another PID namespace) it comes over an abstract socket, to
 * who knows the key. No descriptor is kept.
 */
#include "observe/run_attach.h"

#include "base/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

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
    int file =
        connect(from, (struct sockaddr *)&address, size) == 0 ? socket_receive(from, key + 1) : -1;
    close(from);
    return file;
}

/* "PATH @NAME KEY" */
static int memory_open(const char *where, bool write)
{
    char path[64];
    size_t length = strcspn(where, " ");
    if (length >= sizeof path)
        return -1;
    memcpy(path, where, length);
    path[length] = '\0';
    int file = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *name = strstr(where, " @");
    return file >= 0 || !name ? file : socket_ask(name + 2);
}

static bool head_is_right(const struct weir__run_head *head)
{
    return head->magic == WEIR__RUN_MAGIC && head->unit == (uint32_t)sysconf(_SC_PAGESIZE) &&
           head->bytes == weir__run_bytes(head->unit, head->record);
}

static void *segment_map(const char *number, bool write)
{
    void *memory = shmat(atoi(number), NULL, write ? 0 : SHM_RDONLY);
    if (memory == (void *)-1)
        return NULL;
    if (head_is_right(memory))
        return memory;
    shmdt(memory);
    return NULL;
}

/* As the head says, if the memory is what it should be. */
static void *memory_map(int file, bool write)
{
    struct weir__run_head head;
    if (pread(file, &head, sizeof head, 0) != sizeof head || !head_is_right(&head))
        return NULL;
    void *memory =
        mmap(NULL, head.bytes, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, file, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *weir__run_attach_to(const char *where, bool write)
{
    if (strncmp(where, WEIR__RUN_SEGMENT, sizeof WEIR__RUN_SEGMENT - 1) == 0)
        return segment_map(where + sizeof WEIR__RUN_SEGMENT - 1, write);
    int file = *where ? memory_open(where, write) : -1;
    if (file < 0)
        return NULL;
    void *memory = memory_map(file, write);
    close(file);
    return memory;
}

void *weir__run_attach(void)
{
    const char *where = secure_getenv(WEIR__RUN_VARIABLE);
    return where ? weir__run_attach_to(where, true) : NULL;
}

/* -- the image ---------------------------------------------------------------------------- */

static uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void weir__run_command_set(struct weir__run_image *image, int argc, char **argv)
{
    char *text = image->command;
    size_t size = sizeof image->command, length = 0;
    const char *first = argc > 0 ? argv[0] : "", *slash = strrchr(first, '/');
    snprintf(image->program, sizeof image->program, "%s", slash && slash[1] ? slash + 1 : first);
    image->word = (uint32_t)strlen(first);
    for (int i = 0; i < argc && length + 1 < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", i ? " " : "", argv[i]);
}

void weir__run_command_copy(struct weir__run_image *image, const struct weir__run_image *from)
{
    memcpy(image->program, from->program, sizeof image->program);
    memcpy(image->command, from->command, sizeof image->command);
    image->word = from->word;
}

/* Half the bits of a mixture of what the kernel drew for this execution: of those bytes, which are
 * secret, it tells nothing. */
static uint32_t execution_number(void)
{
    uint64_t drawn[2] = {0, 0};
    const void *at = (const void *)getauxval(AT_RANDOM);
    if (at)
        memcpy(drawn, at, sizeof drawn);
    uint64_t mixed = (drawn[0] ^ drawn[1] >> 29) * UINT64_C(0x9e3779b97f4a7c15) ^ drawn[1];
    return (uint32_t)(mixed * UINT64_C(0xbf58476d1ce4e5b9) >> 32);
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

struct weir__run_image *weir__run_image_take(void *page, enum weir__run_kind kind, uint32_t flags,
                                             uint32_t *number)
{
    struct weir__run_head *head = page;
    int64_t index = image_index_take(head);
    if (index < 0)
        return NULL;
    *number = (uint32_t)index;
    struct weir__run_image *taken = weir__run_image(head, (uint32_t)index);
    taken->kind = kind;
    taken->flags = flags;
    taken->pid = getpid();
    taken->parent = getppid();
    taken->execution = execution_number();
    taken->serial = __atomic_add_fetch(&head->serial, 1, __ATOMIC_RELAXED);
    taken->taken_at = clock_read(CLOCK_BOOTTIME);
    taken->started = clock_read(CLOCK_MONOTONIC);
    return taken;
}

void weir__run_image_ready(struct weir__run_image *taken)
{
    __atomic_store_n(&taken->state, WEIR__RUN_RUNNING, __ATOMIC_RELEASE);
}
