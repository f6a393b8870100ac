/* Numbers of stacks against a plain list; whole stacks that are known, in a stack that is made up
 * of words here; and what recordings' options say of them. tests/process/stacks.c has the unwinder,
 * tests/scripts/stacks.sh the names. */
#include "../helpers/scratch.h"
#include "../helpers/suite.h"
#include "tools/trace/binary.h"
#include "tools/trace/merge.h"
#include "unwind/known.h"
#include "unwind/trie.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* -- numbers -------------------------------------------------------------------------------- */

enum { NODES = 30000, ADDRESSES = 300 };

static struct {
    uint32_t parent, path;
    uint64_t address;
} nodes[NODES + 1];
static uint32_t written;
static bool refuse;

static bool on_write(uint32_t first, uint32_t parent, const uint64_t *addresses, unsigned n)
{
    if (refuse)
        return false;
    cr_assert_eq(first, written + 1);
    for (unsigned i = 0; i < n && written < NODES; i++) {
        written++;
        nodes[written].parent = i ? written - 1 : parent;
        nodes[written].address = addresses[i];
        nodes[written].path = weir__trie_path(nodes[nodes[written].parent].path, addresses[i]);
    }
    return true;
}

static void trie_begin(void)
{
    weir__trie_reset();
    written = 0;
    refuse = false;
    memset(nodes, 0, sizeof nodes);
}

TestSuite(trie, .init = trie_begin);

static uint64_t random_address(uint32_t *random)
{
    return UINT64_C(0x7f0000000000) + next_random(random) % ADDRESSES * 16;
}

Test(trie, a_chain_has_one_number_however_it_comes)
{
    uint32_t random = 1, chain[6];
    uint64_t addresses[6];
    while (written < NODES - 6) {
        uint32_t parent = written ? next_random(&random) % (written + 1) : 0, node = parent;
        unsigned n = 1 + next_random(&random) % 6;
        for (unsigned i = 0; i < n; i++)
            addresses[i] = random_address(&random);
        cr_assert(weir__trie_add(nodes[parent].path, parent, addresses, n, on_write, chain));
        for (unsigned i = 0; i < n; i++) {
            cr_assert_eq(nodes[chain[i]].parent, node);
            cr_assert_eq(nodes[chain[i]].address, addresses[i]);
            node = chain[i];
        }
    }
    cr_assert_eq(weir__trie_nodes(), written);
    for (uint32_t i = 1; i <= written; i++)
        cr_assert_eq(weir__trie_find(nodes[i].path, nodes[i].parent, nodes[i].address), i);
    for (int i = 0; i < 10000; i++) {
        uint32_t parent = next_random(&random) % (written + 1), found = 0;
        uint64_t address = random_address(&random);
        found = weir__trie_find(weir__trie_path(nodes[parent].path, address), parent, address);
        cr_assert(!found || (nodes[found].parent == parent && nodes[found].address == address));
    }
}

Test(trie, what_cannot_be_written_is_not_known)
{
    uint64_t addresses[] = {0x1000, 0x2000, 0x3000};
    uint32_t chain[3];
    cr_assert(weir__trie_add(0, 0, addresses, 2, on_write, chain));
    refuse = true;
    cr_assert_not(weir__trie_add(0, 0, addresses, 3, on_write, chain));
    cr_assert(chain[0] == 1 && chain[1] == 2 && chain[2] == 2, "the last that is known");
    cr_assert_eq(weir__trie_nodes(), 2);
    refuse = false;
    cr_assert(weir__trie_add(0, 0, addresses, 3, on_write, chain));
    cr_assert_eq(chain[2], 3);
}

Test(trie, what_is_forgotten_gets_another_number)
{
    uint64_t addresses[] = {0x1000, 0x2000, 0x3000};
    uint32_t chain[3];
    cr_assert(weir__trie_add(0, 0, addresses, 3, on_write, chain));
    weir__trie_forget(0x1800, 0x2000);
    cr_assert_eq(weir__trie_find(nodes[1].path, 0, 0x1000), 1);
    cr_assert_eq(weir__trie_find(nodes[2].path, 1, 0x2000), 0);
    cr_assert(weir__trie_add(0, 0, addresses, 3, on_write, chain));
    cr_assert(chain[0] == 1 && chain[1] == 4 && chain[2] == 5);
    weir__trie_reset();
    cr_assert_eq(weir__trie_find(nodes[1].path, 0, 0x1000), 0);
}

/* -- stacks that are known -------------------------------------------------------------------- */

enum { WORDS = 20 };

static uint64_t stack[1000];
static struct weir__known *known;

static void known_begin(void)
{
    known = calloc(1, sizeof *known);
    weir__known_forget(known);
    for (unsigned i = 0; i < 1000; i++)
        stack[i] = i;
}

static void known_end(void)
{
    free(known);
}

TestSuite(known, .init = known_begin, .fini = known_end);

static struct weir__known_leaf leaf_at(unsigned i, uint64_t fp)
{
    return (struct weir__known_leaf){0x1234, (uintptr_t)&stack[i], fp};
}

/* Every third word above the leaf. */
static void keep(struct weir__known_leaf leaf, bool needs_fp, uint32_t number)
{
    struct weir__known_words words = {.count = WORDS, .needs_fp = needs_fp};
    for (unsigned i = 0; i < WORDS; i++)
        words.at[i] = leaf.sp + (uint64_t)24 * i;
    cr_assert_eq(weir__known_find(known, leaf.pc, leaf.sp, leaf.fp), 0);
    weir__known_keep(known, &leaf, &words, number);
}

static uint32_t find(struct weir__known_leaf leaf)
{
    return weir__known_find(known, leaf.pc, leaf.sp, leaf.fp);
}

Test(known, a_stack_is_the_same_while_its_words_are)
{
    keep(leaf_at(0, 1), false, 7);
    cr_assert_eq(find(leaf_at(0, 1)), 7);
    cr_assert_eq(find(leaf_at(0, 2)), 7, "the frame pointer has no say");
    cr_assert_eq(find(leaf_at(1, 1)), 0);
    stack[1]++;
    cr_assert_eq(find(leaf_at(0, 1)), 7, "no word of it");
    for (unsigned i = 0; i < WORDS; i++) {
        stack[3 * i]++;
        cr_assert_eq(find(leaf_at(0, 1)), 0, "its %uth word", i);
        stack[3 * i]--;
    }
    cr_assert_eq(find(leaf_at(0, 1)), 7);
    weir__known_forget(known);
    cr_assert_eq(find(leaf_at(0, 1)), 0);
}

Test(known, the_frame_pointer_has_a_say_where_it_needs_to)
{
    keep(leaf_at(0, 1), true, 7);
    cr_assert_eq(find(leaf_at(0, 1)), 7);
    keep(leaf_at(0, 2), true, 8);
    cr_assert_eq(find(leaf_at(0, 1)), 7);
    cr_assert_eq(find(leaf_at(0, 2)), 8);
    cr_assert_eq(find(leaf_at(0, 3)), 0);
}

/* Callers that change, one at a time, with one leaf. */
Test(known, stacks_with_one_leaf_are_told_apart)
{
    for (unsigned i = 0; i < WORDS; i++) {
        stack[3 * i] = 10000;
        keep(leaf_at(0, 0), false, i + 1);
    }
    for (unsigned round = 0; round < 2; round++) {
        unsigned hits = 0;
        for (unsigned i = 0; i < 1000; i++)
            stack[i] = i;
        for (unsigned i = 0; i < WORDS; i++) {
            stack[3 * i] = 10000;
            uint32_t number = find(leaf_at(0, 0));
            cr_assert(!number || number == i + 1, "%u is found as %u", i + 1, number);
            hits += number != 0;
        }
        cr_assert_gt(hits, WORDS / 2);
    }
}

/* What it has in common with the stack above it is not compared again: where both say so. */
Test(known, a_stack_below_another_may_have_other_words)
{
    struct weir__known_leaf leaf = leaf_at(0, 0);
    struct weir__known_words words = {.count = WORDS};
    keep(leaf, false, 7);
    stack[30]++;
    cr_assert_eq(find(leaf), 0);
    for (unsigned i = 0; i < WORDS; i++)
        words.at[i] = leaf.sp + (i > 1 ? (uint64_t)24 * (i - 1) : (uint64_t)8 * i);
    weir__known_keep(known, &leaf, &words, 8);
    cr_assert_eq(find(leaf), 8);
    stack[1]++;
    cr_assert_eq(find(leaf), 0, "the word that only the latter has");
    stack[1]--;
    stack[30]--;
    cr_assert_eq(find(leaf), 7);
    stack[30]++;
    cr_assert_eq(find(leaf), 8);
}

Test(known, the_oldest_give_way)
{
    uint32_t random = 1;
    static uint64_t last[300];
    unsigned lost = 0;
    for (uint32_t number = 1; number <= 5000; number++) {
        unsigned at = next_random(&random) % 300;
        stack[at + 3 * (number % WORDS)] = number + 1000;
        uint64_t sum = 0;
        for (unsigned i = 0; i < WORDS; i++)
            sum = sum * 31 + stack[at + 3 * i];
        uint32_t found = find(leaf_at(at, 0));
        cr_assert(!found || last[at] == sum, "another stack is found");
        if (!found)
            keep(leaf_at(at, 0), false, number);
        lost += find(leaf_at(at, 0)) == 0; /* it took the place of one that led to it */
        last[at] = sum;
    }
    cr_assert_lt(lost, 250);
}

Test(known, a_stack_that_comes_once_is_not_wanted)
{
    cr_assert_eq(find(leaf_at(0, 0)), 0);
    cr_assert_not(weir__known_is_wanted(known));
    cr_assert_eq(find(leaf_at(0, 0)), 0);
    cr_assert(weir__known_is_wanted(known));
}

/* -- recordings ------------------------------------------------------------------------------- */

static char path[SCRATCH_PATH_MAX];

static void path_make(void)
{
    scratch_path(path, "unit-stacks.trace");
}

static void path_remove(void)
{
    weir_trace_stop();
    unlink(path);
}

TestSuite(recording, .init = path_make, .fini = path_remove);

/* A block of 10 bytes and one of 5000; what the reader knows of their stacks. */
static struct trace_info stacks_recorded(weir_trace_options options)
{
    struct trace_info info;
    cr_assert_eq(weir_trace_start(path, &options), 0, "%s", weir_last_error());
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 10));
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 5000));
    cr_assert_eq(weir_trace_stop(), 0, "%s", weir_last_error());
    cr_assert_eq(trace_info_open(&info, path), 0, "%s", info.why);
    cr_assert_eq(info.foot.nodes + 1, info.nstacks ? info.nstacks : 1);
    return info;
}

#if defined(__x86_64__) || defined(__aarch64__)
Test(recording, allocations_have_stacks_as_the_options_say)
{
    struct trace_info info = stacks_recorded((weir_trace_options){0});
    size_t all = info.nstacks;
    cr_assert(info.stacked && info.stacks_from == 0 && all > 4);
    cr_assert_not_null(info.host);
    for (size_t i = 1; i < all; i++)
        cr_assert(info.stacks[i].address && info.stacks[i].parent < i);
    trace_info_close(&info);
    info = stacks_recorded((weir_trace_options){.stacks_from = 4096});
    cr_assert(info.stacked && info.stacks_from == 4096);
    cr_assert(info.nstacks > 1 && info.nstacks < all);
    trace_info_close(&info);
    info = stacks_recorded((weir_trace_options){.no_stacks = true, .stacks_from = 1});
    cr_assert(!info.stacked && info.nstacks == 0);
    trace_info_close(&info);
}

/* -- chains ------------------------------------------------------------------------------------ */

#define NOINLINE __attribute__((noinline, noclone))
#define KEEP     __asm__ volatile("" ::: "memory") /* so that a call is none to jump to */

static NOINLINE void allocate_here(void)
{
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 10));
    KEEP;
}

static NOINLINE void allocate_there(void)
{
    KEEP;
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 10));
    KEEP;
}

/* All callees from one call, so that its frame is the same. */
static NOINLINE void call_each(void (*const *callees)(void), unsigned n)
{
    for (volatile unsigned i = 0; i < n; i++)
        callees[i]();
}

static NOINLINE void call_one(void (*callee)(void))
{
    callee();
    KEEP;
}

static void recurse(unsigned depth);
static void (*volatile recurse_again)(unsigned) = recurse; /* so that no call is made into a loop */

static NOINLINE void recurse(unsigned depth)
{
    if (depth)
        recurse_again(depth - 1);
    else
        allocate_here();
    KEEP;
}

/* The stacks of the allocations of a recording, in their order. */
static unsigned stacks_read(struct trace_info *info, uint32_t *stacks, unsigned most)
{
    struct trace_record record;
    struct trace_merge *merge = trace_merge_begin(info);
    unsigned n = 0;
    cr_assert_not_null(merge);
    while (trace_merge_next(merge, &record) == 1)
        if (record.kind == TRACE_RECORD_ALLOCATE && n < most)
            stacks[n++] = record.stack;
    trace_merge_end(merge);
    return n;
}

static void recorded(void (*work)(void), struct trace_info *info, uint32_t *stacks, unsigned n)
{
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    work();
    cr_assert_eq(weir_trace_stop(), 0, "%s", weir_last_error());
    cr_assert_eq(trace_info_open(info, path), 0, "%s", info->why);
    cr_assert_eq(stacks_read(info, stacks, n), n);
}

static void work_deep(void)
{
    recurse(40);
}

enum { CHAIN = 100 };

/* A stack's nodes, leaf first. */
static unsigned chain_of(const struct trace_info *info, uint32_t node, uint32_t chain[CHAIN])
{
    unsigned n = 0;
    for (; node && n < CHAIN; node = info->stacks[node].parent)
        chain[n++] = node;
    return n;
}

/* Its calls within one another are one chain of nodes, each the parent of the next. */
Test(recording, a_deep_stack_has_a_node_for_each_call)
{
    struct trace_info info;
    uint32_t node, chain[CHAIN];
    recorded(work_deep, &info, &node, 1);
    unsigned n = chain_of(&info, node, chain), same = 0;
    for (unsigned i = 1; i < n; i++)
        same += info.stacks[chain[i]].address == info.stacks[chain[i - 1]].address;
    cr_expect(n > 42 && n < CHAIN);
    cr_expect_eq(same, 39, "%u", same); /* the calls of `recurse` by itself */
    trace_info_close(&info);
}

/* Two callees from one frame and from others in its place, in any order: what `stacks` has of a
 * frame goes on, is found again or is made. */
enum { TURNS = 200 };

static unsigned turn_kind(unsigned i)
{
    return i * 2654435761u >> 13 & 3;
}

static void work_to_and_fro(void)
{
    void (*const callees[])(void) = {allocate_here, allocate_there};
    for (unsigned i = 0; i < TURNS; i++) {
        unsigned kind = turn_kind(i);
        if (kind < 2)
            call_each(callees, 1 + kind);
        else
            call_one(callees[kind - 2]);
    }
}

/* How many nodes from the outermost on two stacks have in common. */
static unsigned shared_by(const struct trace_info *info, uint32_t first, uint32_t second)
{
    uint32_t a[CHAIN], b[CHAIN];
    unsigned an = chain_of(info, first, a), bn = chain_of(info, second, b), n = 0;
    while (n < an && n < bn && a[an - 1 - n] == b[bn - 1 - n])
        n++;
    return n;
}

/* One node for each call in a frame, however its stack came to be known. (What weir itself calls is
 * in these stacks, too: it is a part of this program.) */
Test(recording, calls_out_of_a_frame_that_came_back_have_its_node)
{
    struct trace_info info;
    static uint32_t at[2 * TURNS];
    unsigned events = 0, shared = 0;
    for (unsigned i = 0; i < TURNS; i++)
        events += 1 + (turn_kind(i) == 1);
    recorded(work_to_and_fro, &info, at, events);
    for (unsigned i = 0, event = 0; i < TURNS; event += 1 + (turn_kind(i++) == 1)) {
        if (turn_kind(i) != 1)
            continue;
        unsigned now = shared_by(&info, at[event], at[event + 1]);
        shared = shared ? shared : now;
        cr_assert_eq(now, shared, "turn %u: %u calls, not %u", i, now, shared);
    }
    for (size_t i = 1; i < info.nstacks; i++)
        for (size_t k = 1; k < i; k++)
            cr_assert(info.stacks[i].parent != info.stacks[k].parent ||
                          info.stacks[i].address != info.stacks[k].address,
                      "nodes %zu and %zu are of one call", k, i);
    trace_info_close(&info);
}
#endif
