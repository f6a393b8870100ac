/*
 * fuzz/run.c - `weir run` under programs that write nonsense into the shared memory
 * (observe/run_page.h). The input is a list of such writes and of looks between them;
 * perhaps a second thread scribbles meanwhile. Whatever is written: no access outside the
 * memory, no signal to anybody, no file but where the recordings go, no control character
 * in the report, bounds on what is kept, and an exposition (tools/run/metrics.c) that a strict
 * reader takes. With clang:
 *     make fuzz FUZZ_TARGETS=run
 * `make check` runs it on inputs of its own (fuzz/run_driver.c).
 */
#include "tools/run/run.h"
#include "fuzz/exposition_check.h"
#include "fuzz/target.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNIT        4096u
#define DEAD        INT32_MAX /* no process has this number */
#define LOOKS_MOST  64
#define TEXT_MOST   (16u << 20)
#define FILES_MOST  (256u << 20) /* bytes, all of an input */
#define GUARD_BYTES (UINT64_C(1) << 20)

/* -- what is not `weir run`'s here ------------------------------------------------------ */

static uint64_t now_ns;

/* In place of tools/run/command.c's: time passes by what the input says. */
uint64_t run_clock(void)
{
    return now_ns += 100000;
}

/* In place of the C library's. Numbers of processes come from the memory: to ask is all. */
int kill(pid_t pid, int number)
{
    if (number != 0)
        abort();
    return (int)syscall(SYS_kill, pid, 0);
}

/* -- the memory and the folder -------------------------------------------------------------- */

static char *memory; /* with room for chunks; pages without rights on both sides */
static char folder[64], start[256];

static void memory_make(void)
{
    uint64_t bytes = weir__run_bytes(UNIT, true);
    char *all = mmap(NULL, bytes + 2 * GUARD_BYTES, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED || sysconf(_SC_PAGESIZE) != UNIT)
        exit(77);
    memory = all + GUARD_BYTES;
}

/* Without a recording there are no chunks, and nothing may be behind the tallies. */
static void memory_clear(bool record)
{
    uint64_t all = weir__run_bytes(UNIT, true), bytes = weir__run_bytes(UNIT, record);
    madvise(memory, all, MADV_DONTNEED);
    mprotect(memory, all, PROT_NONE);
    mprotect(memory, bytes, PROT_READ | PROT_WRITE);
    *(struct weir__run_head *)memory = (struct weir__run_head){
        .magic = WEIR__RUN_MAGIC, .bytes = bytes, .unit = UNIT, .record = record};
}

/* Recordings go to FOLDER/in; nothing may come to be beside it. */
static void folder_make(void)
{
    const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/weir-fuzz-XXXXXX", where);
    if (!getcwd(start, sizeof start) || !mkdtemp(folder) || chdir(folder) != 0 ||
        mkdir("in", 0700) != 0 || chdir("in") != 0 || mkdir("program", 0700) != 0)
        exit(77);
}

/* Removes what is in it, and counts the bytes. */
static uint64_t files_remove(const char *path)
{
    uint64_t bytes = 0;
    struct stat about;
    DIR *in = opendir(path);
    if (!in)
        abort();
    for (struct dirent *entry; (entry = readdir(in));) {
        if (entry->d_type == DT_DIR)
            continue;
        for (const char *at = entry->d_name; *at; at++)
            if ((unsigned char)*at < ' ' || *at == 0x7f)
                abort();
        bytes += fstatat(dirfd(in), entry->d_name, &about, 0) == 0 ? (uint64_t)about.st_size : 0;
        unlinkat(dirfd(in), entry->d_name, 0);
    }
    closedir(in);
    return bytes;
}

/* Nothing is beside the folder, and not too much was in it. */
static void folder_check(void)
{
    DIR *beside = opendir("..");
    if (!beside || files_remove(".") + files_remove("program") > FILES_MOST)
        abort();
    for (struct dirent *entry; (entry = readdir(beside));)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "in") != 0)
            abort();
    closedir(beside);
}

static void folder_remove(void)
{
    rmdir("program");
    if (chdir(folder) == 0 && rmdir("in") == 0 && chdir(start) == 0)
        rmdir(folder);
}

/* -- reading the input ---------------------------------------------------------------------- */

struct input {
    const uint8_t *at, *end;
    bool record;
    struct run_watch *watch;
    uint64_t serial;
    unsigned looks;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && in->at < in->end; i++)
        value |= (uint64_t)*in->at++ << 8 * i;
    return value;
}

/* Small numbers, and those where something turns. */
static uint64_t take_value(struct input *in)
{
    static const uint64_t edges[] = {0,
                                     UINT64_MAX,
                                     INT64_MAX,
                                     UINT64_C(1) << 63,
                                     UINT32_MAX,
                                     INT32_MAX,
                                     UINT64_C(1) << 31,
                                     UINT64_C(1) << 32,
                                     WEIR__RUN_CHUNK_BYTES,
                                     WEIR__RUN_CHUNK_BYTES + 1,
                                     WEIR__RUN_CHUNK,
                                     WEIR__RUN_IMAGES,
                                     WEIR__RUN_IMAGES + 1};
    uint64_t kind = take(in, 1);
    return kind < 128   ? kind
           : kind < 192 ? edges[kind % (sizeof edges / sizeof *edges)]
                        : take(in, 8);
}

static int32_t take_pid(struct input *in)
{
    const int32_t pids[] = {DEAD,      (int32_t)getpid(),  0,       -1, 1,
                            INT32_MIN, (int32_t)getppid(), DEAD - 1};
    uint64_t which = take(in, 1);
    return which < 128   ? pids[which % 8]
           : which < 192 ? DEAD - (int32_t)which
                         : (int32_t)take(in, 4);
}

/* Mostly one of the first few: those meet. */
static uint32_t take_index(struct input *in, uint32_t count)
{
    uint64_t which = take(in, 1);
    return which < 200 ? (uint32_t)which % 6 : (uint32_t)(which * 41 + take(in, 1)) % count;
}

static uint64_t memory_bytes(const struct input *in)
{
    return weir__run_bytes(UNIT, in->record);
}

static uint64_t take_place(struct input *in)
{
    uint64_t at = 0, offset = take(in, 2);
    switch (take(in, 1) % 6) {
    case 0:
        at = offset % sizeof(struct weir__run_head);
        break;
    case 1:
        at = WEIR__RUN_OWNERS_AT + offset % (4 * WEIR__RUN_OWNERS);
        break;
    case 2:
        at = WEIR__RUN_IMAGES_AT + take_index(in, WEIR__RUN_IMAGES) * (uint64_t)WEIR__RUN_IMAGE +
             offset % WEIR__RUN_IMAGE;
        break;
    case 3:
        at = WEIR__RUN_TALLIES_AT + (take_index(in, WEIR__RUN_TALLIES) + 1) * (uint64_t)UNIT - 1 -
             offset % 64;
        break;
    case 4:
        at = weir__run_chunks_at(UNIT) +
             take_index(in, WEIR__RUN_CHUNKS) * (uint64_t)WEIR__RUN_CHUNK +
             offset % WEIR__RUN_CHUNK;
        break;
    default:
        at = offset * 1291;
    }
    return at % (memory_bytes(in) - 8);
}

/* -- what a program does to the memory --------------------------------------------------------- */

/* By single bytes, each atomic: another thread writes there, too, and `weir run` reads. */
static void put(void *at, const void *from, size_t n)
{
    char *to = at;
    for (size_t i = 0; i < n; i++)
        __atomic_store_n(&to[i], ((const char *)from)[i], __ATOMIC_RELAXED);
}

static void fill(void *at, int with, size_t n)
{
    char byte = (char)with;
    for (size_t i = 0; i < n; i++)
        put((char *)at + i, &byte, 1);
}

#define PUT(field, value) put(&(field), &(__typeof__(field)){value}, sizeof(field))

static struct weir__run_image *image_claim(struct input *in, uint32_t index, int32_t pid,
                                           uint32_t state)
{
    struct weir__run_image *image = weir__run_image(memory, index);
    PUT(image->pid, pid);
    PUT(image->serial, ++in->serial);
    PUT(image->taken_at, now_ns * 1000000);
    PUT(image->started, now_ns);
    __atomic_store_n(&image->state, state, __ATOMIC_RELAXED);
    __atomic_store_n(&weir__run_image_owner(memory)[index], index + 1, __ATOMIC_RELEASE);
    return image;
}

static void do_image(struct input *in)
{
    uint32_t index = take_index(in, WEIR__RUN_IMAGES);
    int32_t pid = take_pid(in), parent = take_pid(in);
    struct weir__run_image *image = image_claim(in, index, pid, (uint32_t)take(in, 1) % 6);
    PUT(image->parent, parent);
    PUT(image->kind, (uint32_t)take(in, 1) % 4);
    PUT(image->flags, (uint32_t)take(in, 1));
    uint64_t length = take(in, 1) * 3;
    for (uint64_t i = 0; i < length && i < sizeof image->command; i++)
        PUT(image->command[i], (char)take(in, 1));
}

static void do_word(struct input *in)
{
    char *at = memory + take_place(in);
    uint64_t value = take_value(in);
    put(at, &value, take(in, 1) & 1 ? 8 : 4);
}

static void do_bytes(struct input *in)
{
    uint64_t at = take_place(in), n = take(in, 1), room = memory_bytes(in) - at;
    if (n > (uint64_t)(in->end - in->at))
        n = (uint64_t)(in->end - in->at);
    put(memory + at, in->at, n < room ? n : room);
    in->at += n;
}

/* A text that has no end. */
static void do_fill(struct input *in)
{
    struct weir__run_image *image = weir__run_image(memory, take_index(in, WEIR__RUN_IMAGES));
    bool command = take(in, 1) & 1;
    fill(command ? image->command : image->lost_program, (int)take(in, 1),
         command ? sizeof image->command : sizeof image->lost_program);
}

static void do_tally(struct input *in)
{
    uint32_t index = take_index(in, WEIR__RUN_TALLIES);
    struct weir__tally tally = {.taken = (int64_t)take_value(in), .given = (int64_t)take_value(in)};
    tally.allocating = take_value(in);
    tally.freeing = take_value(in);
    tally.hi = (int64_t)take_value(in);
    tally.hi_blocks = (int64_t)take_value(in);
    tally.slow = (int64_t)take_value(in);
    char *page = weir__run_tally_page(memory, UNIT, index);
    put(page + UNIT - sizeof tally, &tally, sizeof tally);
    PUT(weir__run_tally_owner(memory)[index], (uint32_t)take_value(in));
}

static struct weir__run_chunk *take_chunk(struct input *in, uint32_t *index)
{
    *index = take_index(in, WEIR__RUN_CHUNKS);
    return in->record ? weir__run_chunk(memory, UNIT, *index) : NULL;
}

static void do_chunk(struct input *in)
{
    uint32_t index;
    struct weir__run_chunk *chunk = take_chunk(in, &index);
    PUT(weir__run_chunk_owner(memory)[index], (uint32_t)take_value(in));
    if (!chunk)
        return;
    PUT(chunk->state, (uint32_t)take(in, 1) % 3);
    PUT(chunk->records, (uint32_t)take(in, 1) % 2);
    PUT(chunk->filled, take_value(in));
}

/* One record behind those that are there; its length may be a lie. */
static void do_record(struct input *in)
{
    static const char types[][5] = {"HEAD", "STRT", "BASE", "TAGN", "CTXN", "NAME", "MODL", "FOOT"};
    uint32_t index, type, length;
    struct weir__run_chunk *chunk = take_chunk(in, &index);
    uint64_t which = take(in, 1), lie = take(in, 1), n = take(in, 1);
    memcpy(&type, types[which % 8], 4);
    length = lie < 200 ? (uint32_t)n : (uint32_t)take_value(in);
    if (!chunk)
        return;
    uint64_t filled = (uint32_t)__atomic_load_n(&chunk->filled, __ATOMIC_RELAXED);
    if (filled + 8 + n > WEIR__RUN_CHUNK_BYTES)
        return;
    put(chunk->bytes + filled, &type, 4);
    put(chunk->bytes + filled + 4, &length, 4);
    fill(chunk->bytes + filled + 8, (int)which, n);
    PUT(chunk->records, 1);
    PUT(weir__run_chunk_owner(memory)[index], take_index(in, WEIR__RUN_IMAGES) + 1);
    __atomic_store_n(&chunk->filled, filled + 8 + n, __ATOMIC_RELEASE);
}

/* So many images that have ended already; twice the same number, perhaps. */
static void do_storm(struct input *in)
{
    uint32_t size = (uint32_t)take(in, 1), n = size < 250 ? size % 16 : WEIR__RUN_IMAGES;
    bool same = take(in, 1) & 1, record = in->record && take(in, 1) % 8 == 0;
    for (uint32_t i = 0; i < n; i++) {
        image_claim(in, i, same ? DEAD : DEAD - (int32_t)i, WEIR__RUN_EXITED);
        if (record && i < 64) {
            struct weir__run_chunk *chunk = weir__run_chunk(memory, UNIT, i);
            put(chunk->bytes, "HEAD\0\0\0\0", 8);
            PUT(chunk->records, 1);
            PUT(chunk->filled, 8);
            PUT(weir__run_chunk_owner(memory)[i], i + 1);
        }
    }
}

static void do_look(struct input *in)
{
    now_ns += take(in, 1) * 1000000;
    if (in->looks++ < LOOKS_MOST)
        run_watch_look(in->watch);
    if (in->watch->count > RUN_IMAGES_KEPT + WEIR__RUN_IMAGES)
        abort();
}

/* What is known when it is asked is what every line of the answer is made of. */
static uint64_t live_bytes(const struct run_watch *watch)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        const struct run_image *image = watch->at[i];
        if (image && !image->over && !image->done && !image->after &&
            !(image->flags & WEIR__RUN_FOREIGN_MALLOC))
            bytes += image->figures.live;
    }
    return bytes;
}

/* A scraper asks, as tools/run/serve.c answers. Sums of nonsense wrap. */
static void do_scrape(struct input *in)
{
    size_t most = take(in, 1), size;
    bool plain = most & 1;
    uint64_t own = 0;
    do_look(in);
    char *page = run_metrics(in->watch->run, plain, 1 + most / 2, &size);
    if (!page)
        return;
    exposition_check(page, size, plain, &own);
    if (own != live_bytes(in->watch) || size > TEXT_MOST)
        abort();
    free(page);
}

static void (*const things[])(struct input *) = {do_image, do_word,   do_bytes,  do_fill,
                                                 do_tally, do_chunk,  do_record, do_storm,
                                                 do_look,  do_record, do_scrape, do_word};

/* -- meanwhile ------------------------------------------------------------------------------------
 */

static bool scribbling;

struct scribbler {
    uint64_t seed;
    bool record;
};

/* Turns words of the first few parts to and fro. */
static void *scribble(void *argument)
{
    const struct scribbler *as = argument;
    static const uint64_t values[] = {0,          1,          2,  3, WEIR__RUN_CHUNK_BYTES,
                                      UINT32_MAX, UINT64_MAX, 'A'};
    uint64_t state = as->seed;
    while (__atomic_load_n(&scribbling, __ATOMIC_RELAXED)) {
        uint8_t bytes[8];
        state = state * 6364136223846793005u + 1442695040888963407u;
        for (unsigned i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(state >> (8 + 7 * i));
        struct input noise = {.at = bytes, .end = bytes + sizeof bytes, .record = as->record};
        uint64_t at = take_place(&noise) & ~UINT64_C(3);
        put(memory + at, &values[state >> 61], 4);
    }
    return NULL;
}

/* -- all of it ----------------------------------------------------------------------------------
 */

/* The text is for a terminal: nothing in it may steer one. */
static void report_check(const struct run *run, void (*write)(const struct run *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return;
    write(run, to);
    if (fclose(to) != 0 || size > TEXT_MOST || !size)
        abort();
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
            abort();
    free(text);
}

static void looks_take(struct input *in)
{
    pthread_t other;
    bool also = take(in, 1) % 8 == 7;
    struct scribbler scribbler = {(uint64_t)(in->end - in->at) + 1, in->record};
    __atomic_store_n(&scribbling, true, __ATOMIC_RELAXED);
    also = also && pthread_create(&other, NULL, scribble, &scribbler) == 0;
    while (in->at < in->end)
        things[take(in, 1) % (sizeof things / sizeof *things)](in);
    do_scrape(in);
    run_watch_end(in->watch);
    __atomic_store_n(&scribbling, false, __ATOMIC_RELAXED);
    if (also)
        pthread_join(other, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {NULL,   "F",    "%e.x", "%e.%p.%%",
                                        "%e/F", "F.%p", "%eF",  "%e/%e"};
    static char *command[] = {"program", "argument", NULL};
    if (!memory) {
        memory_make();
        folder_make();
        atexit(folder_remove);
    }
    struct input in = {.at = data, .end = data + size};
    unsigned kind = (unsigned)take(&in, 1);
    struct run run = {.command = command,
                      .record = names[kind % 8],
                      .sizes = true,
                      .unit = UNIT,
                      .page = memory,
                      .pid = kind & 8 ? DEAD : (int)getpid()};
    in.record = run.record != NULL;
    now_ns = 1000000000;
    run.started = now_ns;
    memory_clear(in.record);
    if (in.record && !run_record_prepare(&run))
        abort();
    in.watch = run.watch = run_watch_make(&run);
    if (!in.watch)
        return 0;
    looks_take(&in);
    int found = in.watch->count > 0;
    run_record_close();
    run.ended = run_clock();
    run.status = kind & 16 ? SIGKILL : 0;
    report_check(&run, run_report);
    report_check(&run, run_json);
    run_watch_drop(run.watch);
    run_record_forget();
    if (in.record)
        free((char *)(uintptr_t)run.record);
    folder_check();
    return found;
}
