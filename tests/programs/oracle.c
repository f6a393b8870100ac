/*
 * tests/programs/oracle.c - a counting malloc for check-programs, which holds weir's
 * figures against it. It shares nothing with weir: no header, no code, no idea. It is
 * preloaded, passes every call on to the next malloc (glibc's), and knows what lives
 * from a table beside the blocks, so that what it asks for is what the program asked.
 *
 * What it counts are bytes asked for. A realloc is one change from the old size to the
 * new one: both never count at once. Under one lock, so the peak is exact; with several
 * threads it is that of one order of their calls.
 *
 * Each process image (a program from its start, exec or fork to its end) has a file
 * $MEMORY_ORACLE/PID.N, mapped shared: however the process ends, the file has the
 * figures of its last call. A forked child starts with what it inherited, its peak too.
 * Where there is no such variable, or the file cannot be made, nothing is said.
 *
 * Compiled with -DBESIDE it may stand before a malloc that also replaces C++'s new and
 * delete; it then counts these too. Both see the same calls in one process.
 *
 *     cc -O2 -fPIC -shared -o oracle.so oracle.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define API    __attribute__((visibility("default")))
#define SECOND 1000000000u

/* -- the record of this image: the file's content ------------------------------------------ */

struct record {
    char magic[8]; /* "ORACLE1" */
    uint32_t pid, parent;
    uint64_t started;           /* CLOCK_MONOTONIC, ns: the order of images */
    uint64_t peak, peak_blocks; /* blocks at the moment of the peak */
    uint64_t live, blocks;      /* now */
    uint64_t allocated, freed;  /* blocks; what a child inherited is not among them */
    uint64_t threads;           /* pthread_create that succeeded */
    uint64_t lost;              /* blocks that found no room in the table */
    char program[256];          /* what /proc/self/exe says */
    char name[256];             /* argv[0] */
};

/* The truth is here: a file that is shared goes on changing in the parent of a child. */
static struct record record = {.magic = "ORACLE1"};
static struct record *file_of_it; /* NULL: none */

/* weir has thread-local words, so each thread's table of them has a line for it, from malloc;
 * it has one for us, too. */
static __thread volatile char local;

/* One word that is 1 here, and 0 in a child of whatever kind of fork. */
static uint32_t *ours;

/* After each change, with the lock held. */
static void show(void)
{
    if (file_of_it)
        memcpy(file_of_it, &record, offsetof(struct record, program));
}

/* -- the lock -----------------------------------------------------------------------------------
 */

static int lock_word;

static void lock(void)
{
    while (__atomic_exchange_n(&lock_word, 1, __ATOMIC_ACQUIRE))
        sched_yield();
}

static void unlock(void)
{
    __atomic_store_n(&lock_word, 0, __ATOMIC_RELEASE);
}

/* -- what lives: open addressing, no gaps in a run ------------------------------------------ */

struct entry {
    uintptr_t block; /* 0: free */
    size_t size;
};

static struct {
    struct entry *at;
    size_t mask, used;
} table;

static size_t place(uintptr_t block)
{
    return (size_t)((block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & table.mask;
}

static void entry_put(uintptr_t block, size_t size)
{
    size_t i = place(block);
    while (table.at[i].block && table.at[i].block != block)
        i = (i + 1) & table.mask;
    table.used += !table.at[i].block;
    table.at[i] = (struct entry){block, size};
}

static bool table_grow(void)
{
    struct entry *old = table.at;
    size_t before = old ? table.mask + 1 : 0, entries = old ? before * 2 : 1 << 16;
    void *to = mmap(NULL, entries * sizeof *old, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (to == MAP_FAILED)
        return old && table.used < table.mask;
    table.at = to;
    table.mask = entries - 1;
    table.used = 0;
    for (size_t i = 0; i < before; i++)
        if (old[i].block)
            entry_put(old[i].block, old[i].size);
    if (old)
        munmap(old, before * sizeof *old);
    return true;
}

/* Takes it out; false: not in the table. */
static bool entry_take(uintptr_t block, size_t *size)
{
    if (!table.at)
        return false;
    size_t i = place(block);
    while (table.at[i].block != block) {
        if (!table.at[i].block)
            return false;
        i = (i + 1) & table.mask;
    }
    *size = table.at[i].size;
    for (size_t next = (i + 1) & table.mask; table.at[next].block; next = (next + 1) & table.mask) {
        size_t wanted = place(table.at[next].block);
        if (((next - wanted) & table.mask) >= ((next - i) & table.mask)) {
            table.at[i] = table.at[next];
            i = next;
        }
    }
    table.at[i].block = 0;
    table.used--;
    return true;
}

/* -- images
 * ----------------------------------------------------------------------------------------- */

static void record_describe(struct record *to)
{
    struct timespec now;
    ssize_t length = readlink("/proc/self/exe", to->program, sizeof to->program - 1);
    to->program[length > 0 ? length : 0] = '\0';
    clock_gettime(CLOCK_MONOTONIC, &now);
    to->started = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
    to->pid = (uint32_t)getpid();
    to->parent = (uint32_t)getppid();
}

/* The record gets a file, if there can be one. No descriptor stays open. */
static void record_publish(const char *folder)
{
    char path[4096];
    int file = -1;
    for (int n = 0; n < 10000 && file < 0; n++) {
        snprintf(path, sizeof path, "%s/%u.%d", folder, (unsigned)record.pid, n);
        file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            return;
    }
    void *to = MAP_FAILED;
    if (ftruncate(file, sizeof record) == 0)
        to = mmap(NULL, sizeof record, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (to == MAP_FAILED)
        return;
    file_of_it = memcpy(to, &record, sizeof record);
}

static char folder[2048];

/* In a forked child, whose lock nobody else holds. */
static void image_of_child(void)
{
    file_of_it = NULL;
    record.peak = record.live;
    record.peak_blocks = record.blocks;
    record.allocated = record.freed = record.threads = 0;
    record_describe(&record);
    *ours = 1;
    if (*folder)
        record_publish(folder);
}

/* At every call; a clone without the C library's fork is found out here. */
static void image_check(void)
{
    if (ours && !*ours)
        image_of_child();
}

__attribute__((constructor(101))) static void image_start(int argc, char **argv, char **environment)
{
    (void)environment;
    int error = errno;
    local = 1;
    const char *named = getenv("MEMORY_ORACLE");
    lock();
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, 4096, MADV_WIPEONFORK) == 0) {
        ours = page;
        *ours = 1;
    }
    if (argc > 0 && argv[0])
        snprintf(record.name, sizeof record.name, "%s", argv[0]);
    record_describe(&record);
    if (named && ours && strlen(named) < sizeof folder) {
        strcpy(folder, named);
        record_publish(folder);
    }
    unlock();
    errno = error;
}

/* -- counting
 * ------------------------------------------------------------------------------------------ */

/* The lock is held. */
static void peak_look(void)
{
    if (record.live > record.peak) {
        record.peak = record.live;
        record.peak_blocks = record.blocks;
    }
    show();
}

static bool table_add(void *block, size_t size)
{
    if ((!table.at || table.used * 4 > table.mask * 3) && !table_grow()) {
        record.lost++;
        return false;
    }
    entry_put((uintptr_t)block, size);
    return true;
}

static void *count_new(void *block, size_t size)
{
    if (!block)
        return NULL;
    int error = errno;
    lock();
    image_check();
    if (table_add(block, size)) {
        record.live += size;
        record.blocks++;
        record.allocated++;
        peak_look();
    }
    unlock();
    errno = error;
    return block;
}

/* Before the block is freed: another thread may get it at once. False: not known. */
static bool count_gone(void *block)
{
    size_t size;
    int error = errno;
    lock();
    image_check();
    bool known = entry_take((uintptr_t)block, &size);
    if (known) {
        record.live -= size;
        record.blocks--;
        record.freed++;
        show();
    }
    unlock();
    errno = error;
    return known;
}

/* A realloc: out of the table first, but counted until it is known what became of it. */
static bool resize_begin(void *block, size_t *size)
{
    lock();
    image_check();
    bool known = entry_take((uintptr_t)block, size);
    unlock();
    return known;
}

static void resize_end(void *block, size_t before, size_t after)
{
    int error = errno;
    lock();
    if (table_add(block, after)) {
        record.live += after - before;
        peak_look();
    }
    unlock();
    errno = error;
}

static void resize_to_nothing(size_t before)
{
    lock();
    record.live -= before;
    record.blocks--;
    record.freed++;
    show();
    unlock();
}

/* -- the next malloc
 * ------------------------------------------------------------------------------------ */

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
} next;

/* What dlsym itself asks for while it looks for malloc. */
static _Alignas(16) char early[16384];
static size_t early_used;
static int looking;

static bool is_early(const void *block)
{
    return (const char *)block >= early && (const char *)block < early + sizeof early;
}

static void *early_take(size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    if (size > sizeof early || rounded > sizeof early - early_used)
        return NULL;
    void *block = early + early_used;
    early_used += rounded;
    return block;
}

static void next_find(void)
{
    looking = 1;
    *(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&next.free = dlsym(RTLD_NEXT, "free");
    *(void **)&next.memalign = dlsym(RTLD_NEXT, "memalign");
    *(void **)&next.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&next.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&next.valloc = dlsym(RTLD_NEXT, "valloc");
    *(void **)&next.pvalloc = dlsym(RTLD_NEXT, "pvalloc");
    *(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
    looking = 0;
}

/* The first call comes before there is a second thread. False: during the search. */
static bool next_is_there(void)
{
    if (!next.malloc && !looking)
        next_find();
    return next.malloc != NULL;
}

/* -- malloc and its relatives
 * ------------------------------------------------------------------------------ */

API void *malloc(size_t size)
{
    return next_is_there() ? count_new(next.malloc(size), size) : early_take(size);
}

API void *calloc(size_t count, size_t size)
{
    if (next_is_there())
        return count_new(next.calloc(count, size), count * size);
    return early_take(count * size);
}

API void free(void *block)
{
    if (!block || is_early(block) || !next_is_there())
        return;
    count_gone(block);
    next.free(block);
}

API void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    if (is_early(block)) {
        size_t there = (size_t)(early + sizeof early - (char *)block);
        void *to = malloc(size);
        return to ? memcpy(to, block, size < there ? size : there) : NULL;
    }
    size_t before;
    if (!next_is_there() || !resize_begin(block, &before))
        return next.realloc ? next.realloc(block, size) : NULL;
    void *to = next.realloc(block, size);
    if (to)
        resize_end(to, before, size);
    else if (size)
        resize_end(block, before, before);
    else
        resize_to_nothing(before);
    return to;
}

API void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

API void *memalign(size_t alignment, size_t size)
{
    return next_is_there() ? count_new(next.memalign(alignment, size), size) : NULL;
}

API void *aligned_alloc(size_t alignment, size_t size)
{
    return next_is_there() ? count_new(next.aligned_alloc(alignment, size), size) : NULL;
}

API int posix_memalign(void **to, size_t alignment, size_t size)
{
    if (!next_is_there())
        return ENOMEM;
    int status = next.posix_memalign(to, alignment, size);
    if (status == 0)
        count_new(*to, size);
    return status;
}

API void *valloc(size_t size)
{
    return next_is_there() ? count_new(next.valloc(size), size) : NULL;
}

/* It is asked for whole pages, whatever the number says. */
API void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
    return next_is_there() ? count_new(next.pvalloc(size), whole) : NULL;
}

/* -- new processes, new threads
 * ----------------------------------------------------------------------------- */

/* Registered before any other: taken after the handlers that may allocate have run, given
 * back before they run again. */
static void fork_child(void)
{
    image_check();
    unlock();
}

__attribute__((constructor(102))) static void forks_watch(void)
{
    pthread_atfork(lock, unlock, fork_child);
}

/* Without handlers. */
API pid_t _Fork(void)
{
    pid_t (*real)(void);
    *(void **)&real = dlsym(RTLD_NEXT, "_Fork");
    lock();
    pid_t pid = real();
    int error = errno;
    if (pid == 0)
        image_check();
    unlock();
    errno = error;
    return pid;
}

API int pthread_create(pthread_t *to, const pthread_attr_t *attributes, void *(*run)(void *),
                       void *argument)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    int status = real(to, attributes, run, argument);
    if (status == 0) {
        lock();
        record.threads++;
        show();
        unlock();
    }
    return status;
}

/* -- C++, beside a malloc that has operators of its own
 * --------------------------------------------------------- */

#ifdef BESIDE
/* libstdc++'s operators call malloc and free, which count by themselves. */
static bool is_of_malloc(void *function)
{
    Dl_info one, two;
    return next_is_there() && dladdr(function, &one) && dladdr(*(void **)&next.malloc, &two) &&
           one.dli_fbase == two.dli_fbase;
}

#define NEXT(name, type, with)                                                                     \
    static type(*real) with;                                                                       \
    static bool counts;                                                                            \
    if (!real) {                                                                                   \
        void *found = dlsym(RTLD_NEXT, #name);                                                     \
        counts = is_of_malloc(found);                                                              \
        *(void **)&real = found;                                                                   \
    }

#define NEW(name, with, ...)                                                                       \
    API void *name with;                                                                           \
    void *name with                                                                                \
    {                                                                                              \
        NEXT(name, void *, with)                                                                   \
        void *block = real(__VA_ARGS__);                                                           \
        return counts ? count_new(block, size) : block;                                            \
    }

#define DELETE(name, with, ...)                                                                    \
    API void name with;                                                                            \
    void name with                                                                                 \
    {                                                                                              \
        NEXT(name, void, with)                                                                     \
        if (counts && block)                                                                       \
            count_gone(block);                                                                     \
        real(__VA_ARGS__);                                                                         \
    }

/* clang-format off */
NEW(_Znwm, (size_t size), size)
NEW(_Znam, (size_t size), size)
NEW(_ZnwmRKSt9nothrow_t, (size_t size, const void *n), size, n)
NEW(_ZnamRKSt9nothrow_t, (size_t size, const void *n), size, n)
NEW(_ZnwmSt11align_val_t, (size_t size, size_t a), size, a)
NEW(_ZnamSt11align_val_t, (size_t size, size_t a), size, a)
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t a, const void *n), size, a, n)
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t a, const void *n), size, a, n)
DELETE(_ZdlPv, (void *block), block)
DELETE(_ZdaPv, (void *block), block)
DELETE(_ZdlPvm, (void *block, size_t s), block, s)
DELETE(_ZdaPvm, (void *block, size_t s), block, s)
DELETE(_ZdlPvRKSt9nothrow_t, (void *block, const void *n), block, n)
DELETE(_ZdaPvRKSt9nothrow_t, (void *block, const void *n), block, n)
DELETE(_ZdlPvSt11align_val_t, (void *block, size_t a), block, a)
DELETE(_ZdaPvSt11align_val_t, (void *block, size_t a), block, a)
DELETE(_ZdlPvmSt11align_val_t, (void *block, size_t s, size_t a), block, s, a)
DELETE(_ZdaPvmSt11align_val_t, (void *block, size_t s, size_t a), block, s, a)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t a, const void *n), block, a, n)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t a, const void *n), block, a, n)
/* clang-format on */
#endif
