/*
 * tools/run/memory.c - makes the memory that the processes share with `weir run`
 * (observe/run_page.h): anonymous, sealed against being cut short, reached by a path that
 * only this user's processes can open, or, for who became another user or lives in another
 * root or namespace, over a socket by who knows a random key. Nothing stays when the last
 * process that maps it is gone.
 */
#include "tools/run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Sealed: nobody can cut it short under us. NULL with errno. */
static void *memory_of_file(struct run *run, uint64_t bytes)
{
    run->page_file = memfd_create("weir-run", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (run->page_file < 0)
        return NULL;
    if (ftruncate(run->page_file, (off_t)bytes) == 0) {
        fcntl(run->page_file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, run->page_file, 0);
        if (memory != MAP_FAILED)
            return memory;
    }
    int error = errno;
    close(run->page_file);
    run->page_file = -1;
    errno = error;
    return NULL;
}

/* Where the limit on file sizes (ulimit -f), which counts for anonymous ones, too, leaves no
 * room: a segment of System V, which goes with the last process that has it. */
static void *memory_of_segment(struct run *run, uint64_t bytes)
{
    run->segment = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
    void *memory = run->segment < 0 ? (void *)-1 : shmat(run->segment, NULL, 0);
    if (run->segment >= 0)
        shmctl(run->segment, IPC_RMID, NULL);
    return memory == (void *)-1 ? NULL : memory;
}

static bool fail(const char *what)
{
    fprintf(stderr, "weir run: %s: %s\n", what, strerror(errno));
    return false;
}

/* An abstract name: no file, in this network namespace, for any user who knows the key. */
static void listen_at(struct run *run, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    run->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (run->listener < 0)
        return;
    memcpy(address.sun_path + 1, name, length);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    if (bind(run->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(run->listener, 64) != 0) {
        close(run->listener);
        run->listener = -1;
    }
}

static void where_write(struct run *run)
{
    run->listener = -1;
    if (run->segment >= 0) {
        snprintf(run->where, sizeof run->where, WEIR__RUN_SEGMENT "%d", run->segment);
        return;
    }
    unsigned char random[24];
    char name[32], text[2 * sizeof random + 1];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        memset(random, 0, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    snprintf(name, sizeof name, "weir-%.16s", text);
    listen_at(run, name);
    int n =
        snprintf(run->where, sizeof run->where, "/proc/%d/fd/%d", (int)getpid(), run->page_file);
    if (run->listener >= 0) {
        snprintf(run->where + n, sizeof run->where - (size_t)n, " @%s %s", name, text + 16);
        run->key = strrchr(run->where, ' ') + 1;
    }
}

/* Once these pages are there, a process that reads one has them all by one fault. */
static void pages_bring(const volatile char *page)
{
    for (uint64_t at = 0; at < WEIR__RUN_IMAGES_AT + 16 * WEIR__RUN_IMAGE; at += 4096)
        (void)page[at];
}

bool run_memory_make(struct run *run)
{
    run->unit = (uint32_t)sysconf(_SC_PAGESIZE);
    uint64_t bytes = weir__run_bytes(run->unit, run->record);
    run->segment = -1;
    run->page = memory_of_file(run, bytes);
    if (!run->page && errno == EFBIG)
        run->page = memory_of_segment(run, bytes);
    if (!run->page)
        return fail("no shared memory");
    *(struct weir__run_head *)run->page = (struct weir__run_head){.magic = WEIR__RUN_MAGIC,
                                                                  .bytes = bytes,
                                                                  .unit = run->unit,
                                                                  .record = run->record != NULL,
                                                                  .stacks_from = run->stacks_from};
    pages_bring(run->page);
    where_write(run);
    return true;
}

void run_memory_export(const struct run *run)
{
    char text[8192];
    const char *before = getenv("LD_PRELOAD");
    snprintf(text, sizeof text, "%s%s%s", run->library, before && *before ? ":" : "",
             before ? before : "");
    setenv("LD_PRELOAD", text, 1);
    setenv(WEIR__RUN_VARIABLE, run->where, 1);
    if (run->limit)
        setenv("WEIR_LIMIT", run->limit, 1);
    else
        unsetenv("WEIR_LIMIT");
    unsetenv("WEIR_RECORD");
}

/* -- handing it out ------------------------------------------------------------------------ */

#define ANSWER_NS 20000000u /* at a time: signals and the program's end wait meanwhile */

/* It sends its key at once, or it is not one of ours. */
static bool key_is_right(const struct run *run, int to, uint64_t until)
{
    char key[128];
    uint64_t now = run_clock();
    struct timeval patience = {0, now + 1000000 < until ? (long)(until - now) / 1000 : 1000};
    setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t n = recv(to, key, sizeof key, 0);
    return n == (ssize_t)strlen(run->key) && memcmp(key, run->key, (size_t)n) == 0;
}

static void descriptor_send(int to, int file)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec data = {(char[]){0}, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &file, sizeof file);
    sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Any process of the machine may knock, as often as it likes. */
void run_memory_answer(const struct run *run)
{
    uint64_t until = run_clock() + ANSWER_NS;
    int to;
    while (run_clock() < until && (to = accept4(run->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        if (key_is_right(run, to, until))
            descriptor_send(to, run->page_file);
        close(to);
    }
}
