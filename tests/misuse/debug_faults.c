/*
 * What each level of --enable-debug finds (docs/guide/debugging.md): every fault below is planted
 * in a child, which then goes on. From its level on the child ends by abort with the line that is
 * named here; below, it ends as if nothing were wrong.
 */
#include "alloc/body.h"
#include "alloc/cpu.h"
#include "os/lock.h"
#include "os/memory_tool.h"
#include "pool/hole.h"
#include "pool/span.h"

#include "../helpers/stress.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/background.h>
#include <weir/weir.h>

#define MIB ((size_t)1 << 20)

struct fault {
    const char *name;
    int level;        /* that finds it */
    const char *line; /* which the child's last words begin with */
    void (*plant)(void);
    void (*go_on)(void);
};

static weir_allocator *cpu(void)
{
    return weir_cpu_allocator();
}

static struct weir__page_heap *page_heap(void)
{
    return cpu()->body->page_heap;
}

static void *allocate(size_t size)
{
    void *block = weir_allocate(cpu(), size);
    STRESS_EXPECT(block, "no memory");
    return block;
}

/* -- going on ---------------------------------------------------------------------------- */

#define AT_ONCE 600

/* Through caches, centers and slabs, many times. */
static void use_small(void)
{
    static void *blocks[AT_ONCE];
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < AT_ONCE; i++)
            blocks[i] = allocate(i % 8 ? 100 : 9000);
        for (int i = 0; i < AT_ONCE; i++)
            weir_deallocate(cpu(), blocks[i]);
    }
    weir_trim(cpu());
}

/* Ever more of them, so that the peak rises: every one is a slow operation of the meter. */
static void use_large(void)
{
    static void *blocks[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        blocks[i] = allocate((size_t)(17 + i % 5 * 24) << 10);
    for (int i = 0; i < AT_ONCE; i++)
        weir_deallocate(cpu(), blocks[i]);
}

/* Each has addresses of its own. */
static void use_huge(void)
{
    for (int i = 0; i < 100; i++)
        weir_deallocate(cpu(), allocate(130 * MIB));
}

static weir_allocator *provided;

static void use_provided(void)
{
    for (int i = 0; i < 200; i++)
        weir_deallocate(provided, weir_allocate(provided, 100));
}

static void use_nothing(void)
{
}

/* -- level 1 ------------------------------------------------------------------------------ */

static volatile unsigned char *freed;
static char nothing[16];

/* What was freed last comes first. */
static void write_small(void)
{
    freed = allocate(100);
    weir_deallocate(cpu(), (void *)freed);
    freed[8] = 1;
}

static void take_small(void)
{
    STRESS_EXPECT(allocate(100) == freed, "another block");
}

/* In its slab, which a live block keeps. */
static void write_in_slab(void)
{
    static void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = allocate(3000);
    for (int i = 1; i < 100; i++)
        weir_deallocate(cpu(), blocks[i]);
    weir_trim(cpu());
    freed = blocks[1];
    freed[2999] = 1;
}

static void take_from_slab(void)
{
    for (int i = 0; i < 2000 && allocate(3000) != freed; i++)
        continue;
}

static void write_untouched(void)
{
    unsigned char *block = allocate(16000);
    freed = block + 16384; /* the next of the slab */
    freed[70] = 1;
}

static void take_untouched(void)
{
    for (int i = 0; i < 4; i++)
        allocate(16000);
}

static void write_large(void)
{
    freed = allocate(MIB);
    allocate(MIB);
    weir_deallocate(cpu(), (void *)freed);
    freed[100] = 1;
}

static void take_large(void)
{
    STRESS_EXPECT(allocate(MIB) == freed, "another block");
}

/* It is no longer what was freed last. */
static void write_hole(void)
{
    void *others[4];
    write_large();
    for (int i = 0; i < 4; i++)
        others[i] = allocate(2 * MIB);
    weir_deallocate(cpu(), others[1]);
    weir_deallocate(cpu(), others[3]);
}

/* Below its blocks stands one that is none. */
static void write_below_bin(void)
{
    weir_deallocate(cpu(), allocate(100));
    weir__heap_cached(cpu())->cache.bins[weir__class_of(100, 64)].base[-1].block = nothing;
}

/* -- level 2 ------------------------------------------------------------------------------ */

static void ask_too_much(void)
{
    struct weir__depot depot;
    weir__depot_init(&depot, 4, 4);
    weir__depot_top(&depot, 1);
}

static void settle_without_lock(void)
{
    weir__span_flush_idle_locked(page_heap());
}

static void take_in_wrong_order(void)
{
    static weir__lock inner = WEIR__LOCK(METER), outer = WEIR__LOCK(PAGES);
    weir__lock_take(&inner);
    weir__lock_take(&outer);
    weir__lock_drop(&outer);
    weir__lock_drop(&inner);
}

/* -- level 3 ------------------------------------------------------------------------------ */

static struct weir__center *center_of(size_t size)
{
    return weir__shard_find(&cpu()->body->shard, (unsigned)weir__class_of(size, 64));
}

/* A block less: nobody would ever miss it. */
static void cut_chain(void)
{
    use_small();
    static void *blocks[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        blocks[i] = allocate(100);
    for (int i = 0; i < AT_ONCE; i++)
        if (i % 50)
            weir_deallocate(cpu(), blocks[i]);
    weir_trim(cpu());
    struct weir__slab *slab = center_of(100)->partial;
    STRESS_EXPECT(slab && slab->free_head, "no chain");
    slab->free_head =
        (uint16_t)weir__entry_next(weir__entry_get(&slab->entries[slab->free_head - 1]));
}

static void count_blocks_wrong(void)
{
    weir_deallocate(cpu(), allocate(100));
    center_of(100)->nout++;
}

static void count_room_wrong(void)
{
    weir_deallocate(cpu(), allocate(100));
    weir__heap_cached(cpu())->cache.grown++;
}

/* A bin that says it has a hole. */
static void mark_empty_bin(void)
{
    struct weir__page_heap *heap = page_heap();
    unsigned bin = WEIR__BIN_COUNT - 1;
    heap->bin_used[bin / 64] |= (uint64_t)1 << (bin % 64);
    heap->bin_words |= 1u << bin / 64;
}

/* Its last chunk is not in the map. */
static void lose_chunk(void)
{
    weir_deallocate(cpu(), allocate(MIB));
    const struct weir__region *region = weir__region_of_link(page_heap()->regions.first);
    weir__map_set(region->base + region->size - WEIR__CHUNK, WEIR__CHUNK, WEIR__MAP_FOREIGN);
}

static void count_slabs_wrong(void)
{
    page_heap()->nfree_slabs++;
}

/* Wherever the main leaf will begin, another has its entries. */
static void make_far_entries(void)
{
    static struct weir__leaf leaf;
    STRESS_EXPECT(!weir__map_main_first, "weir has memory");
    memset(&leaf, 0xff, sizeof leaf);
    for (size_t i = 0; i < WEIR__LEAVES; i++)
        weir__map_leaves[i] = &leaf;
}

static void raise_level(void)
{
    cpu()->body->meter.level++;
}

static void lose_parent(void)
{
    weir_allocator *child = weir_allocator_create(NULL);
    STRESS_EXPECT(child, "no allocator");
    child->body->meter.link.prev = NULL;
}

static void count_entries_wrong(void)
{
    weir_allocator_options options = {.source = WEIR_SOURCE_MALLOC};
    provided = weir_allocator_create(&options);
    STRESS_EXPECT(provided && weir_allocate(provided, 10), "no memory");
    provided->body->registry.map.used++;
}

/* ------------------------------------------------------------------------------------------- */

#define WRITTEN "weir: write after free: "
#define FAILED  "weir: assertion failed: "

static const struct fault faults[] = {
    {"a write into a freed small block", 1, WRITTEN, write_small, take_small},
    {"a write into a freed block in its slab", 1, WRITTEN, write_in_slab, take_from_slab},
    {"a write into a block that nobody had", 1, WRITTEN, write_untouched, take_untouched},
    {"a write into the large block freed last", 1, WRITTEN, write_large, take_large},
    {"a write into a large block freed before", 1, WRITTEN, write_hole, take_large},
    {"what stands below a bin", 1, FAILED, write_below_bin, use_small},
    {"more blocks than there are", 2, FAILED, ask_too_much, use_nothing},
    {"a lock that is not held", 2, FAILED, settle_without_lock, use_nothing},
    {"locks out of order", 2, "weir: lock order: ", take_in_wrong_order, use_nothing},
    {"a slab's chain that lacks a block", 3, FAILED, cut_chain, use_small},
    {"a center's count", 3, FAILED, count_blocks_wrong, use_small},
    {"a cache's room", 3, FAILED, count_room_wrong, use_small},
    {"a bin of holes", 3, FAILED, mark_empty_bin, use_large},
    {"a region's end in the map", 3, FAILED, lose_chunk, use_large},
    {"a count of slabs", 3, FAILED, count_slabs_wrong, use_large},
    {"the map", 3, FAILED, make_far_entries, use_huge},
    {"a meter's level", 3, FAILED, raise_level, use_large},
    {"a meter's place in the tree", 3, FAILED, lose_parent, use_large},
    {"a registry's count", 3, FAILED, count_entries_wrong, use_provided},
};

static void words_read(int from, char *words, size_t room)
{
    size_t length = 0;
    for (ssize_t n = 1; n > 0 && length < room - 1; length += (size_t)(n > 0 ? n : 0))
        n = read(from, words + length, room - 1 - length);
    words[length] = 0;
}

static bool is_found(const struct fault *fault)
{
    char words[4096];
    int ends[2], status;
    STRESS_EXPECT(pipe(ends) == 0, "no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        fault->plant();
        fault->go_on();
        _exit(0);
    }
    close(ends[1]);
    words_read(ends[0], words, sizeof words);
    close(ends[0]);
    STRESS_EXPECT(waitpid(child, &status, 0) == child, "no child");
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    STRESS_EXPECT(aborted || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "%s: %s", fault->name,
                  words);
    STRESS_EXPECT(!aborted || !strncmp(words, fault->line, strlen(fault->line)), "%s: %s",
                  fault->name, words);
    return aborted;
}

/* -- patterns ---------------------------------------------------------------------------- */

static bool begins_with(const unsigned char *block, size_t size, unsigned char pattern)
{
    size_t most = size < 16384 ? size : 16384;
    return block[0] == pattern && !memcmp(block, block + 1, most - 1);
}

static void check_pattern(size_t size)
{
    volatile unsigned char *block = allocate(size);
    unsigned char *bytes = (unsigned char *)block;
    memset(bytes, 0x11, size);
    weir_deallocate(cpu(), bytes);
    __asm__ volatile("" ::: "memory");
    STRESS_EXPECT(begins_with(bytes, size, WEIR_DEBUG ? 0x5A : 0x11), "%zu, freed", size);
    STRESS_EXPECT(weir_allocate(cpu(), size) == bytes, "another block");
    STRESS_EXPECT(begins_with(bytes, size, WEIR_DEBUG ? 0xA5 : 0x11), "%zu, taken", size);
    weir_deallocate(cpu(), bytes);
    unsigned char *zeroed = weir_allocate_zeroed(cpu(), 1, size);
    STRESS_EXPECT(zeroed && begins_with(zeroed, size, 0), "%zu, zeroed", size);
    weir_deallocate(cpu(), zeroed);
}

static unsigned char memory[20000] __attribute__((aligned(64)));

static void *give_memory(void *user, size_t size, size_t alignment)
{
    (void)user, (void)size, (void)alignment;
    return memory;
}

static void take_memory(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)block, (void)size, (void)alignment;
}

/* A user's functions may have any memory: it stays as it is. */
static void check_users(void)
{
    weir_allocator_functions functions = {.allocate = give_memory, .deallocate = take_memory};
    weir_allocator_options options = {.source = WEIR_SOURCE_FUNCTIONS, .functions = &functions};
    weir_allocator *a = weir_allocator_create(&options);
    memset(memory, 0x11, sizeof memory);
    STRESS_EXPECT(weir_allocate(a, sizeof memory) == memory, "no block");
    STRESS_EXPECT(begins_with(memory, sizeof memory, 0x11), "taken from a user");
    weir_deallocate(a, memory);
    STRESS_EXPECT(begins_with(memory, sizeof memory, 0x11), "given to a user");
    weir_allocator_destroy(a);
}

/* Functions of weir's own: an arena's. */
static void check_provided(void)
{
    weir_arena_options options = {.memory = memory, .memory_size = sizeof memory};
    weir_arena *arena = weir_arena_create(&options);
    weir_allocator *a = weir_arena_allocator(arena);
    memset(memory, 0x11, sizeof memory);
    STRESS_EXPECT(weir_allocate(a, sizeof memory) == memory, "no block");
    STRESS_EXPECT(begins_with(memory, sizeof memory, WEIR_DEBUG ? 0xA5 : 0x11), "taken");
    STRESS_EXPECT(memory[16384] == 0x11, "beyond 16 KiB");
    weir_deallocate(a, memory);
    STRESS_EXPECT(begins_with(memory, sizeof memory, WEIR_DEBUG ? 0x5A : 0x11), "freed");
    weir_arena_destroy(arena);
}

int main(void)
{
    if (!page_heap())
        return 77;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool found = is_found(&faults[i]);
        STRESS_EXPECT(found == (WEIR_DEBUG >= faults[i].level), "%s at level %d: %s",
                      faults[i].name, WEIR_DEBUG, found ? "found" : "not found");
    }
    check_pattern(100);
    check_pattern(16384);
    check_pattern(MIB);
    if (!weir__os_memory_tool()) /* which tells what was never written */
        check_users(), check_provided();
    return 0;
}
