/*
 * Book-keeping that was overwritten, one crime a child: its first line, word for word, and the
 * signal it ends by. Then the same with a handler: the block is set aside, the figures are those
 * of the calls that were made, and a limit holds. What lies within reach of a block's ends is
 * nothing that matters.
 */
#include "alloc/corruption.h"
#include "pool/chunk.h"

#include "../helpers/context.h"
#include "../helpers/stress.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <weir/weir.h>

#define SIZE 250 /* of a class of 256 */

/* What a child tells: where its crime was, and between which blocks. */
static struct {
    void *block, *before, *after;
} * scene;

static uint32_t *entry_of(const void *block)
{
    return weir__place_of(block).entry;
}

/* Three blocks of one slab that follow each other, the middle one. */
static void *scene_set(void)
{
    static char *blocks[64];
    for (int i = 0; i < 64; i++)
        blocks[i] = weir_allocate(cpu(), SIZE);
    for (int i = 0; i < 64; i++)
        for (int k = 0; k < 64; k++)
            for (int l = 0; l < 64; l++)
                if (blocks[k] == blocks[i] + 256 && blocks[l] == blocks[k] + 256 &&
                    weir__slab_of(blocks[i]) == weir__slab_of(blocks[l])) {
                    scene->before = blocks[i];
                    scene->after = blocks[l];
                    return scene->block = blocks[k];
                }
    STRESS_EXPECT(false, "no three blocks in a row");
    return NULL;
}

static void overwrite(const void *block, uint32_t value)
{
    weir__entry_set(entry_of(block), value);
}

/* -- crimes ------------------------------------------------------------------------------- */

static void free_with_size(void)
{
    void *block = scene_set();
    overwrite(block, WEIR__ENTRY_LIVE | 20480);
    weir_deallocate(cpu(), block);
}

static void sized_free_with_size(void)
{
    void *block = scene_set();
    overwrite(block, WEIR__ENTRY_LIVE | 20480);
    weir_deallocate_sized(cpu(), block, 20480);
}

static void resize_with_size(void)
{
    void *block = scene_set();
    overwrite(block, WEIR__ENTRY_LIVE | 20480);
    weir_reallocate(cpu(), block, 255);
}

static void move_with_size(void)
{
    void *block = scene_set();
    overwrite(block, WEIR__ENTRY_LIVE | 20480);
    weir_reallocate(cpu(), block, 100000);
}

static void ask_with_size(void)
{
    void *block = scene_set();
    overwrite(block, WEIR__ENTRY_LIVE | 20480);
    weir_requested_size(cpu(), block);
}

/* What -2.0f is as bits: a live block of no bytes. */
static void ask_with_less(void)
{
    void *block = scene_set();
    overwrite(block, 0xC0000000u);
    weir_requested_size(cpu(), block);
}

static void free_far_with_size(void)
{
    weir_allocator *child = weir_allocator_create(&(weir_allocator_options){.parent = cpu()});
    scene->block = weir_allocate(child, SIZE);
    overwrite(scene->block, 0xFFFFFFFFu);
    weir_deallocate(child, scene->block);
}

static void ask_with_tag(void)
{
    void *block = scene_set();
    overwrite(block, WEIR__ENTRY_LIVE | 4711u << WEIR__ENTRY_TAG_SHIFT | SIZE);
    weir_block_tag(cpu(), block);
}

static void free_with_neighbors(void)
{
    void *block = scene_set();
    weir_deallocate(cpu(), scene->before);
    overwrite(scene->after, 0xFFFFFFFFu);
    overwrite(block, 0xFFFFFFFFu);
    weir_deallocate(cpu(), block);
}

static void free_with_header(void)
{
    void *block = scene_set();
    weir__slab_of(block)->size = 0;
    weir_deallocate(cpu(), block);
}

static void ask_with_header(void)
{
    void *block = scene_set();
    weir__slab_of(block)->reciprocal ^= 1u << 20;
    weir_requested_size(cpu(), block);
}

/* A free block's entry: found when it would be handed out. */
static void take_with_entry(void)
{
    void *block = scene_set();
    weir_deallocate(cpu(), block);
    overwrite(block, 0xFFFFFFFFu);
    for (int i = 0; i < 5000; i++)
        weir_allocate(cpu(), SIZE);
}

static bool see(const weir_block *block, void *user)
{
    (void)block, (void)user;
    return false;
}

static void walk_with_size(void)
{
    void *block = scene_set();
    overwrite(block, WEIR__ENTRY_LIVE | 20480);
    weir_allocator_walk(cpu(), see, NULL);
    weir_trim(cpu());
}

static void read_no_bytes(void)
{
    volatile char *block = weir_allocate(cpu(), 0);
    STRESS_EXPECT(*block == 0, "read");
}

static void write_no_bytes(void)
{
    *(volatile char *)weir_allocate(cpu(), 0) = 1;
}

static void list_with_link(void)
{
    void *block = scene_set();
    struct weir__slab *slab = weir__slab_of(block);
    scene->block = slab;
    slab->next = (struct weir__slab *)((char *)slab + 8);
    static void *blocks[2000];
    for (int i = 0; i < 2000; i++)
        blocks[i] = weir_allocate(cpu(), SIZE);
    for (int i = 0; i < 2000; i++)
        weir_deallocate(cpu(), blocks[i]);
    weir_trim(cpu());
}

static const struct crime {
    const char *name;
    void (*commit)(void);
    int signal;
    const char *line; /* B, < and >: the block and its neighbors; NULL: none */
} crimes[] = {
#define CORRUPT "weir: corrupted book-keeping: B (allocator \"cpu\"): "
#define BETWEEN "; before it <, 250 bytes; after it >, 250 bytes\n"
#define LARGE   CORRUPT "its entry says 20480 bytes in a block of 256" BETWEEN
    {"free, size", free_with_size, SIGABRT, LARGE},
    {"sized free, size", sized_free_with_size, SIGABRT, LARGE},
    {"resize, size", resize_with_size, SIGABRT, LARGE},
    {"move, size", move_with_size, SIGABRT, LARGE},
    {"ask, size", ask_with_size, SIGABRT, LARGE},
    {"walk, size", walk_with_size, SIGABRT, LARGE},
    {"ask, too small", ask_with_less, SIGABRT,
     CORRUPT "its entry says 0 bytes in a block of 256" BETWEEN},
    {"free, far", free_far_with_size, SIGABRT, NULL},
    {"ask, tag", ask_with_tag, SIGABRT,
     CORRUPT "its entry says tag 4711, which there is not" BETWEEN},
    {"free, neighbors", free_with_neighbors, SIGABRT,
     CORRUPT "its entry says 32767 bytes in a block of 256; before it <, free; after it >, "
             "corrupted too\n"},
    {"free, header", free_with_header, SIGABRT, CORRUPT "the header of its slab was overwritten\n"},
    {"ask, header", ask_with_header, SIGABRT, CORRUPT "the header of its slab was overwritten\n"},
    {"take, entry", take_with_entry, SIGABRT,
     CORRUPT "its entry says 32767 bytes in a block of 256" BETWEEN},
    {"list, link", list_with_link, SIGABRT,
     "weir: corrupted book-keeping: B: a list of slabs was overwritten\n"},
    {"no bytes, read", read_no_bytes, SIGSEGV, ""},
    {"no bytes, write", write_no_bytes, SIGSEGV, ""},
};
#define CRIMES (sizeof crimes / sizeof *crimes)

/* The line with the child's addresses. */
static void line_make(char made[512], const char *line)
{
    size_t length = 0;
    for (; *line; line++) {
        const void *at = *line == 'B'   ? scene->block
                         : *line == '<' ? scene->before
                         : *line == '>' ? scene->after
                                        : NULL;
        if (at)
            length += (size_t)snprintf(made + length, 512 - length, "%p", at);
        else
            made[length++] = *line;
    }
    made[length] = '\0';
}

static void crime_try(const struct crime *crime)
{
    int ends[2], status;
    char said[512], expected[512] = "";
    size_t length = 0;
    STRESS_EXPECT(pipe(ends) == 0, "no pipe");
    pid_t child = fork();
    if (!child) {
        dup2(ends[1], STDERR_FILENO);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        alarm(HANG_SECONDS);
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
        signal(SIGSEGV, SIG_DFL); /* which a sanitizer has for itself */
#endif
        crime->commit();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t got; length < sizeof said - 1 &&
                      (got = read(ends[0], said + length, sizeof said - 1 - length)) > 0;)
        length += (size_t)got;
    said[length] = '\0';
    close(ends[0]);
    STRESS_EXPECT(waitpid(child, &status, 0) == child, "no child");
    STRESS_EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == crime->signal,
                  "%s: status %x, said: %s", crime->name, (unsigned)status, said);
    if (crime->line)
        line_make(expected, crime->line);
    if (WEIR_DEBUG >= 3 && !strncmp(said, "weir: assertion failed: ", 24))
        return; /* a walk of the whole structure came first */
    STRESS_EXPECT(crime->line ? !strcmp(said, expected)
                              : !strncmp(said, "weir: corrupted book-keeping: ", 30),
                  "%s said: %s\nexpected: %s", crime->name, said, expected);
}

/* -- with a handler ----------------------------------------------------------------------- */

static unsigned reports;
static const void *reported;

static void note(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)line, (void)user;
    STRESS_EXPECT(what == WEIR_MISUSE_CORRUPTION, "another kind: %s", line);
    reported = pointer;
    reports++;
}

static void set_aside(void)
{
    enum { MANY = 2000, LIMIT = 1000 * SIZE };
    static void *blocks[MANY];
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = LIMIT});
    weir_set_misuse_handler(note, NULL);
    for (int i = 0; i < 100; i++)
        blocks[i] = weir_allocate(a, SIZE);
    overwrite(blocks[50], WEIR__ENTRY_LIVE | 20480);
    for (int i = 0; i < 100; i++)
        weir_deallocate(a, blocks[i]);
    STRESS_EXPECT(reports == 1 && reported == blocks[50], "%u reports", reports);
    weir_stats s = stats_of(a);
    STRESS_EXPECT(s.total_allocated == SIZE && s.allocation_count == 1,
                  "%zu bytes in %zu blocks: the free that did nothing was counted",
                  s.total_allocated, s.allocation_count);
    STRESS_EXPECT(s.peak_allocated == 100 * SIZE, "peak %zu", s.peak_allocated);
    int count = 0;
    for (void *block; (block = weir_allocate(a, SIZE)); count++)
        STRESS_EXPECT(block != blocks[50], "it was handed out");
    STRESS_EXPECT(count == 999, "the limit admits %d", count);
    weir_set_misuse_handler(NULL, NULL);
}

/* Freed, and then overwritten: nobody gets it, and it is no more counted than it was. */
static void set_aside_free(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_set_misuse_handler(note, NULL);
    reports = 0;
    void *block = weir_allocate(a, SIZE);
    weir_deallocate(a, block);
    overwrite(block, 0xFFFFFFFFu);
    for (int i = 0; i < 2000; i++)
        STRESS_EXPECT(weir_allocate(a, SIZE) != block, "it was handed out");
    STRESS_EXPECT(reports == 1 && reported == block, "%u reports", reports);
    weir_stats s = stats_of(a);
    STRESS_EXPECT(s.total_allocated == 2000 * SIZE && s.allocation_count == 2000, "%zu in %zu",
                  s.total_allocated, s.allocation_count);
    weir_set_misuse_handler(NULL, NULL);
}

/* -- near the ends ------------------------------------------------------------------------- */

/* 64 bytes on both sides of every block of a few slabs, at once: figures and addresses are right
 * afterwards, and nothing is reported. */
static void around(size_t size)
{
    enum { MANY = 6000, REACH = 64 };
    static char *blocks[MANY];
    weir_allocator *a = weir_allocator_create(NULL);
    for (int i = 0; i < MANY; i++)
        blocks[i] = weir_allocate(a, size);
    size_t usable = weir_usable_size(a, blocks[0]);
    for (int i = 0; i < MANY; i++) {
        memset(blocks[i] - REACH, 0xC0, REACH);
        if (weir__map_get(blocks[i] + usable) == WEIR__MAP_SLABS &&
            weir__slab_of(blocks[i] + usable)->home)
            memset(blocks[i] + usable, 0xC0, REACH);
    }
    for (int i = 0; i < MANY; i++)
        weir_deallocate(a, blocks[i]);
    STRESS_EXPECT(weir_total_allocated(a) == 0 && weir_allocation_count(a) == 0, "size %zu", size);
    STRESS_EXPECT(weir_allocator_destroy(a) == 0, "not destroyed");
}

int main(void)
{
    scene = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < CRIMES; i++)
        crime_try(&crimes[i]);
    set_aside();
    set_aside_free();
    for (size_t size = 64; size < WEIR__INLINE_MIN; size += size / 4)
        around(size);
    return 0;
}
