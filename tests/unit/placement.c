/* Contexts whose memory is to lie on huge pages, on small ones or on a node: what the kernel's own
 * figures say of their blocks, and what happens where it does not give what was asked for. */
#include "os/placement.h"
#include "../helpers/core.h"
#include "../helpers/object.h"
#include "../helpers/self.h"
#include "alloc/body.h"
#include "backing/meta.h"
#include "os/residence.h"

#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static weir_allocator *context(weir_huge_pages huge_pages, unsigned numa_node)
{
    weir_allocator_options o = {.huge_pages = huge_pages, .numa_node = numa_node};
    return weir_allocator_create(&o);
}

/* One whose pages are all huge; the test is skipped where the system cannot do that. */
static weir_allocator *required(void)
{
    weir_allocator *a = context(WEIR_HUGE_PAGES_REQUIRED, 0);
    if (!a && (errno == ENOTSUP || errno == ENOMEM))
        cr_skip("no huge pages here: %s", weir_last_error());
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

static weir_placement_stats stats(const weir_allocator *a)
{
    weir_placement_stats s = {.size = sizeof s};
    cr_assert_eq(weir_placement_stats_get(a, &s), 0, "%s", weir_last_error());
    return s;
}

static void *touched(weir_allocator *a, size_t size)
{
    char *block = weir_allocate(a, size);
    cr_assert_not_null(block, "%zu bytes: %s", size, weir_last_error());
    memset(block, 1, size);
    return block;
}

/* -- the kernel's figures, read by hand ----------------------------------------------------------
 */

/* The paragraph of /proc/self/smaps about the mapping that `pointer` lies in: bytes of a figure, or
 * whether it has a flag. */
static bool smaps_of(const void *pointer, const char *key, size_t *bytes, const char *flag)
{
    char line[1024];
    bool mine = false, has = false;
    FILE *file = fopen("/proc/self/smaps", "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file)) {
        uintptr_t start, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2 &&
            strchr(line, '-') < strchr(line, ' '))
            mine = (uintptr_t)pointer >= start && (uintptr_t)pointer < end;
        else if (mine && key && strncmp(line, key, strlen(key)) == 0)
            *bytes = strtoul(line + strlen(key) + 1, NULL, 10) * 1024;
        else if (mine && flag && strncmp(line, "VmFlags:", 8) == 0)
            has = strstr(line, flag) != NULL;
    }
    fclose(file);
    return has;
}

static bool has_flag(const void *pointer, const char *flag)
{
    return smaps_of(pointer, NULL, NULL, flag);
}

/* The word after the address in the line of /proc/self/numa_maps. */
static void policy_of(const void *pointer, char policy[64])
{
    char line[1024], found[64] = "";
    uintptr_t start, best = 0;
    FILE *file = fopen("/proc/self/numa_maps", "r");
    strcpy(policy, "");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%" SCNxPTR " %63s", &start, found) == 2 && start <= (uintptr_t)pointer &&
            start > best) {
            best = start;
            strcpy(policy, found);
        }
    if (file)
        fclose(file);
}

/* -- huge pages
 * ------------------------------------------------------------------------------------ */

/* All that is open is in memory, and huge, by two ways of asking. */
static void expect_all_huge(const weir_allocator *a)
{
    weir_placement_stats s = stats(a);
    struct weir__os_range ranges[512];
    size_t n = weir__page_heap_ranges(a->body->page_heap, ranges, 512), by_mapping = 0;
    cr_assert_leq(n, 512);
    cr_assert_eq(s.huge_bytes, s.open_bytes);
    cr_assert_eq(s.resident_bytes, s.open_bytes);
    if (weir__os_huge_bytes_by_mapping(ranges, n, &by_mapping))
        cr_assert_eq(by_mapping, s.open_bytes);
    cr_assert(weir__page_heap_is_valid(a->body->page_heap));
}

Test(placement, required_pages_are_huge_at_all_times)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    enum { BLOCKS = 300 };
    static unsigned char *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    uint64_t seed = 3;
    weir_allocator *a = required();
    cr_assert_eq(stats(a).open_bytes, 0);
    cr_assert_eq(stats(a).huge_pages, WEIR_HUGE_PAGES_REQUIRED);
    size_t live = 0;
    for (size_t i = 0; i < scaled(6000); i++) {
        size_t at = (size_t)random_below(&seed, BLOCKS);
        if (blocks[at]) {
            cr_assert(pattern_holds(blocks[at], sizes[at], sizes[at], at), "step %zu", i);
            weir_deallocate(a, blocks[at]);
            live -= sizes[at];
        }
        sizes[at] = random_size(&seed, MIB);
        blocks[at] = i % 3 ? weir_allocate(a, sizes[at]) : weir_allocate_zeroed(a, 1, sizes[at]);
        cr_assert_not_null(blocks[at], "%s", weir_last_error());
        cr_assert(i % 3 || is_all_zero(blocks[at], sizes[at]), "step %zu", i);
        pattern_write(blocks[at], sizes[at], at);
        live += sizes[at];
        if (i % 500 == 0)
            weir_trim(a);
        if (i % 250 == 0)
            expect_all_huge(a);
    }
    cr_assert_eq(weir_total_allocated(a), live);
    cr_assert_geq(stats(a).open_bytes, live);
    for (size_t at = 0; at < BLOCKS; at++)
        weir_deallocate(a, blocks[at]);
    cr_assert_gt(weir_trim(a), 0);
    expect_all_huge(a);
    cr_assert_eq(stats(a).open_bytes, 0, "all of it went back");
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(placement, required_pages_go_back_in_wholes)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    weir_allocator *a = required();
    void *first = touched(a, 3 * MIB), *second = touched(a, 20 * MIB);
    expect_all_huge(a);
    size_t open = stats(a).open_bytes;
    cr_expect_geq(open, 23 * MIB);
    cr_expect_leq(open, 24 * MIB, "nothing is opened ahead: it would be in use");
    weir_deallocate(a, second);
    cr_expect_eq(stats(a).open_bytes, open, "decay and purging would split pages");
    cr_expect_geq(weir_trim(a), 19 * MIB);
    expect_all_huge(a);
    cr_expect_eq(stats(a).open_bytes, 4 * MIB);
    cr_expect_eq(((char *)first)[3 * MIB - 1], 1);
    unsigned char *zeroed = weir_allocate_zeroed(a, 1, 20 * MIB);
    cr_assert_not_null(zeroed);
    cr_expect(is_all_zero(zeroed, 20 * MIB));
    expect_all_huge(a);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* Blocks with a region of their own, zeroed, grown and cut. */
Test(placement, required_pages_of_blocks_that_move)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    weir_allocator *a = required();
    unsigned char *block = weir_allocate_zeroed(a, 1, 130 * MIB + 5);
    cr_assert_not_null(block, "%s", weir_last_error());
    cr_assert(is_all_zero(block, 130 * MIB + 5));
    expect_all_huge(a);
    pattern_write(block, 130 * MIB + 5, 9);
    block = weir_reallocate(a, block, 150 * MIB);
    cr_assert_not_null(block, "%s", weir_last_error());
    cr_expect(pattern_holds(block, 100 * MIB, 130 * MIB + 5, 9));
    expect_all_huge(a);
    block = weir_reallocate(a, block, 129 * MIB + 7);
    cr_assert_not_null(block);
    cr_expect(pattern_holds(block, 100 * MIB, 130 * MIB + 5, 9));
    expect_all_huge(a);
    weir_deallocate(a, block);
    weir_trim(a);
    cr_expect_eq(stats(a).open_bytes, 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* Zeroed blocks of 32 MiB and more are cleared by purging elsewhere. */
Test(placement, required_pages_are_cleared_by_hand)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    weir_allocator *a = required();
    void *keeps = touched(a, 1);
    for (int i = 0; i < 3; i++) {
        unsigned char *block = weir_allocate_zeroed(a, 1, 40 * MIB);
        cr_assert_not_null(block);
        cr_assert(is_all_zero(block, 40 * MIB));
        memset(block, 3, 40 * MIB);
        void *behind = touched(a, 20000);
        weir_deallocate(a, block);
        weir_deallocate(a, behind);
        expect_all_huge(a);
    }
    weir_deallocate(a, keeps);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(placement, asked_and_never)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    weir_allocator *asked = context(WEIR_HUGE_PAGES_ASKED, 0);
    weir_allocator *never = context(WEIR_HUGE_PAGES_NEVER, 0);
    cr_assert(asked && never, "%s", weir_last_error());
    void *blocks[] = {touched(asked, 100), touched(asked, 33 * MIB), touched(never, 100),
                      touched(never, 33 * MIB)};
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(has_flag(blocks[i], " hg"), i < 2, "block %d", i);
        cr_expect_eq(has_flag(blocks[i], " nh"), i >= 2, "block %d", i);
    }
    cr_expect_eq(stats(never).huge_bytes, 0);
    cr_expect_geq(stats(never).resident_bytes, 33 * MIB);
    cr_expect_lt(stats(never).resident_bytes, 34 * MIB);
    weir_placement_stats s;
    size_t large = 0, small = 0;
    do { /* the kernel makes pages huge, or small again, when it likes */
        s = stats(asked);
        smaps_of(blocks[1], "AnonHugePages:", &large, NULL);
        smaps_of(blocks[0], "AnonHugePages:", &small, NULL);
    } while (stats(asked).huge_bytes != s.huge_bytes);
    cr_expect_geq(s.resident_bytes, 33 * MIB);
    cr_expect_leq(s.huge_bytes, s.resident_bytes);
    cr_expect_geq(s.open_bytes, s.resident_bytes);
    cr_expect_eq(s.huge_bytes, large + small, "%zu, not %zu and %zu", s.huge_bytes, large, small);
    printf("of %zu bytes %zu are on huge pages\n", s.resident_bytes, s.huge_bytes);
    cr_assert_eq(weir_allocator_destroy(asked), 0);
    cr_assert_eq(weir_allocator_destroy(never), 0);
}

/* One byte touched of a huge page is 2 MiB in memory, which is more than a small program holds. */
Test(placement, a_pool_of_a_few_mib_has_small_pages)
{
    weir_allocator_options options = {.source = WEIR_SOURCE_OWN_POOL};
    weir_allocator *pool = weir_allocator_create(&options);
    char *first = weir_allocate(pool, MIB);
    *first = 1;
    cr_expect_not(has_flag(first, " hg"));
    cr_expect_leq(stats(pool).resident_bytes, MIB);
    void *more = weir_allocate(pool, 4 * MIB);
    cr_expect(has_flag(first, " hg"), "what was opened before, too");
    void *far = weir_allocate(pool, 20 * MIB);
    cr_expect(has_flag((char *)far + 19 * MIB, " hg"));
    weir_deallocate(pool, far);
    weir_deallocate(pool, more);
    weir_trim(pool);
    far = weir_allocate(pool, 30 * MIB);
    cr_expect(has_flag((char *)far + 29 * MIB, " hg"), "and what was closed meanwhile");
    cr_expect(has_flag((char *)far + 9 * MIB, " hg"));
    weir_deallocate(pool, far);
    weir_deallocate(pool, first);
    cr_assert_eq(weir_allocator_destroy(pool), 0);
}

/* Its chunk serves others, as it was. */
Test(placement, what_a_context_leaves_is_as_the_rest)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    weir_allocator *asked = context(WEIR_HUGE_PAGES_ASKED, 0);
    void *block = touched(asked, 100);
    cr_assert(has_flag(block, " hg"));
    cr_assert_eq(weir_allocator_destroy(asked), 0);
    cr_expect_not(has_flag(block, " hg"));
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    void *next = weir_allocate(pool, 100);
    cr_expect_eq((uintptr_t)next >> 22, (uintptr_t)block >> 22, "the chunk is used again");
    cr_expect_not(has_flag(next, " hg"));
    cr_assert_eq(weir_allocator_destroy(pool), 0);
    asked = context(WEIR_HUGE_PAGES_ASKED, 0);
    next = touched(asked, 100);
    cr_expect_eq((uintptr_t)next >> 22, (uintptr_t)block >> 22);
    cr_expect(has_flag(next, " hg"));
    cr_assert_eq(weir_allocator_destroy(asked), 0);
}

Test(placement, children_are_on_their_parents_pool)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    weir_allocator *a = context(WEIR_HUGE_PAGES_NEVER, 0);
    weir_allocator *child = weir_allocator_create(&(weir_allocator_options){.parent = a});
    weir_allocator *apart = weir_allocator_create(
        &(weir_allocator_options){.parent = a, .huge_pages = WEIR_HUGE_PAGES_ASKED});
    cr_assert(a && child && apart);
    touched(child, 10 * MIB);
    void *elsewhere = touched(apart, 10 * MIB);
    cr_expect_geq(stats(a).resident_bytes, 10 * MIB);
    cr_expect_lt(stats(a).resident_bytes, 12 * MIB, "not what is on a pool of its own");
    cr_expect_eq(stats(child).resident_bytes, stats(a).resident_bytes);
    cr_expect_eq(stats(child).huge_pages, WEIR_HUGE_PAGES_NEVER);
    cr_expect(has_flag(elsewhere, " hg"));
    cr_expect_eq(weir_total_allocated(a), 20 * MIB);
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(apart, &s), 0);
    cr_expect_geq(s.reserved, 10 * MIB);
    cr_assert_eq(weir_allocator_destroy(a), EBUSY);
    cr_assert_eq(weir_allocator_destroy(apart), 0);
    cr_assert_eq(weir_allocator_destroy(child), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(placement, nothing_is_left_of_many)
{
    SKIP_UNDER_EMULATOR("its mappings are not the kernel's");
    size_t meta[3], addresses[3];
    for (int i = 0; i < 150; i++) {
        weir_huge_pages pages = i % 2 ? WEIR_HUGE_PAGES_ASKED : WEIR_HUGE_PAGES_NEVER;
        weir_allocator *a = context(i < 100 ? pages : WEIR_HUGE_PAGES_DEFAULT, 0);
        touched(a, 100);
        touched(a, 3 * MIB);
        cr_assert_eq(weir_allocator_destroy(a), 0);
        meta[i / 50] = weir__meta_in_use();
        addresses[i / 50] = self_memory(SELF_ADDRESSES);
    }
    cr_expect_eq(meta[1] - meta[0], meta[2] - meta[1], "no more than of other contexts: handles");
    cr_expect_leq(addresses[1], addresses[0] + MIB);
}

/* They keep the pool, and go before it. */
Test(placement, contexts_below_a_pool)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *a = weir_allocator_create(
        &(weir_allocator_options){.parent = pool, .huge_pages = WEIR_HUGE_PAGES_ASKED});
    cr_assert_not_null(a);
    touched(a, MIB);
    cr_assert_eq(weir_allocator_destroy(pool), EBUSY);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(weir_allocator_destroy(pool), 0);
    expect_live(weir_cpu_allocator(), 0, 0);
}

/* -- where there are none -----------------------------------------------------------------------
 */

Test(placement, a_request_is_refused_where_no_page_can_be_huge)
{
    weir_allocator *a = required();
    void *small = touched(a, 100), *large = touched(a, 3 * MIB);
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        cr_skip("huge pages cannot be turned off for this process");
    size_t open = stats(a).open_bytes;
    void *more = NULL;
    size_t count = 0;
    errno = 0;
    while (count < 2000 && (more = weir_allocate(a, 100000)))
        count++;
    cr_expect_null(more, "memory is given that is not huge");
    cr_expect_eq(errno, ENOMEM);
    cr_expect_lt(count, 60, "more than the rest of what is huge");
    expect_null(weir_allocate(a, 200 * MIB), ENOMEM);
    expect_null(weir_reallocate(a, large, 64 * MIB), ENOMEM);
    cr_expect_eq(((char *)large)[3 * MIB - 1], 1);
    cr_expect_eq(stats(a).open_bytes, open, "what cannot be huge is closed again");
    cr_expect(weir__page_heap_is_valid(a->body->page_heap));
    errno = 0;
    weir_allocator *second = context(WEIR_HUGE_PAGES_REQUIRED, 0);
    cr_expect_null(second);
    cr_expect(errno == ENOTSUP || errno == ENOMEM);
    weir_deallocate(a, small);
    prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
    cr_assert_not_null(weir_allocate(a, 30 * MIB), "it is asked again");
    expect_all_huge(a);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* The system calls for nodes are not there in a child; its status. */
static int without_calls(uint32_t error, int (*body)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mbind, 3, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_get_mempolicy, 2, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_move_pages, 1, 0),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        };
        struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
            _exit(77);
        _exit(body());
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int no_nodes(void)
{
    errno = 0;
    if (context(WEIR_HUGE_PAGES_DEFAULT, WEIR_NUMA_NODE(0)) || errno != ENOTSUP)
        return 1;
    if (!strstr(weir_last_error(), "nodes"))
        return 2;
    weir_allocator *a = context(WEIR_HUGE_PAGES_ASKED, 0);
    return a && weir_allocate(a, 100) ? 0 : 3;
}

Test(placement, a_system_without_nodes)
{
    int status = without_calls(EPERM, no_nodes);
    if (status == 77)
        cr_skip("no filters of system calls here");
    cr_expect_eq(status, 0, "EPERM: %d", status);
    cr_expect_eq(without_calls(ENOSYS, no_nodes), 0);
}

static weir_allocator *on_node;

static int no_figures(void)
{
    weir_placement_stats s = {.size = sizeof s};
    return weir_placement_stats_get(on_node, &s) == 0 && s.node_bytes == WEIR_UNSUPPORTED &&
                   s.resident_bytes >= MIB
               ? 0
               : 1;
}

/* -- nodes
 * ------------------------------------------------------------------------------------------ */

static weir_allocator *node_zero(weir_huge_pages huge_pages)
{
    weir_allocator *a = context(huge_pages, WEIR_NUMA_NODE(0));
    if (!a && errno == ENOTSUP)
        cr_skip("no nodes here: %s", weir_last_error());
    if (!a && errno == EINVAL && access("/sys/devices/system/node/node0", F_OK) != 0)
        cr_skip("there is no node 0");
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

Test(placement, on_a_node)
{
    char policy[64];
    weir_allocator *a = on_node = node_zero(WEIR_HUGE_PAGES_DEFAULT);
    void *blocks[] = {touched(a, 100), touched(a, 5 * MIB), touched(a, 130 * MIB)};
    for (int i = 0; i < 3; i++) {
        policy_of(blocks[i], policy);
        cr_expect(!*policy || strcmp(policy, "prefer:0") == 0, "block %d: %s", i, policy);
    }
    weir_placement_stats s = stats(a);
    cr_expect_eq(s.numa_node, WEIR_NUMA_NODE(0));
    cr_expect_geq(s.resident_bytes, 135 * MIB);
    cr_expect_leq(s.node_bytes, s.resident_bytes);
    if (access("/sys/devices/system/node/node1", F_OK) != 0)
        cr_expect_eq(s.node_bytes, s.resident_bytes, "there is no other");
    blocks[2] = weir_reallocate(a, blocks[2], 180 * MIB);
    memset(blocks[2], 2, 180 * MIB);
    policy_of(blocks[2], policy);
    cr_expect(!*policy || strcmp(policy, "prefer:0") == 0, "moved: %s", policy);
    int status = without_calls(EPERM, no_figures);
    cr_expect(status == 0 || status == 77);
    weir_deallocate(a, blocks[1]);
    weir_trim(a);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    policy_of(blocks[0], policy);
    cr_expect_neq(strcmp(policy, "prefer:0"), 0, "what it leaves has no node");
}

Test(placement, on_a_node_and_huge)
{
    weir_allocator *a = node_zero(WEIR_HUGE_PAGES_NEVER);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    a = context(WEIR_HUGE_PAGES_REQUIRED, WEIR_NUMA_NODE(0));
    if (!a)
        cr_skip("%s", weir_last_error());
    touched(a, 100);
    touched(a, 9 * MIB);
    expect_all_huge(a);
    if (access("/sys/devices/system/node/node1", F_OK) != 0)
        cr_expect_eq(stats(a).node_bytes, stats(a).open_bytes);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(placement, a_node_that_is_not_there)
{
    static const unsigned nodes[] = {WEIR_NUMA_NODE(1000), WEIR_NUMA_NODE(1023),
                                     WEIR_NUMA_NODE(1024), WEIR_NUMA_NODE(5000), UINT32_MAX};
    cr_assert_eq(weir_allocator_destroy(node_zero(WEIR_HUGE_PAGES_DEFAULT)), 0);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        expect_null(context(WEIR_HUGE_PAGES_DEFAULT, nodes[i]), EINVAL);
        cr_expect_not_null(strstr(weir_last_error(), "no node"), "%s", weir_last_error());
    }
    if (access("/sys/devices/system/node/node1", F_OK) != 0)
        expect_null(context(WEIR_HUGE_PAGES_DEFAULT, WEIR_NUMA_NODE(1)), EINVAL);
}

/* -- what cannot be -------------------------------------------------------------------------------
 */

Test(placement, impossible_options)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    struct device device;
    device_make(&device);
    weir_allocator_options wrong[] = {
        {.huge_pages = (weir_huge_pages)4},
        {.huge_pages = (weir_huge_pages)-1},
        {.huge_pages = WEIR_HUGE_PAGES_ASKED, .source = WEIR_SOURCE_MALLOC},
        {.huge_pages = WEIR_HUGE_PAGES_NEVER, .source = WEIR_SOURCE_BACKING},
        {.numa_node = WEIR_NUMA_NODE(0), .source = WEIR_SOURCE_MALLOC},
        {.huge_pages = WEIR_HUGE_PAGES_ASKED, .pool = pool},
        {.huge_pages = WEIR_HUGE_PAGES_ASKED, .parent = device.allocator},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_null(weir_allocator_create(&wrong[i]), EINVAL);
    weir_placement_stats s = {.size = 7};
    cr_expect_eq(weir_placement_stats_get(weir_cpu_allocator(), NULL), EINVAL);
    cr_expect_eq(weir_placement_stats_get(weir_cpu_allocator(), &s), EINVAL);
    s.size = 0;
    cr_expect_eq(weir_placement_stats_get(NULL, &s), EINVAL);
    cr_expect_eq(weir_placement_stats_get(device.allocator, &s), ENOTSUP);
    cr_assert_eq(weir_allocator_destroy(device.allocator), 0);
    cr_assert_eq(weir_allocator_destroy(pool), 0);
}

/* Any pool may be looked at. */
Test(placement, of_the_cpu_allocator)
{
    void *block = touched(weir_cpu_allocator(), 2 * MIB);
    weir_placement_stats s = stats(weir_cpu_allocator());
    cr_expect_eq(s.huge_pages, WEIR_HUGE_PAGES_DEFAULT);
    cr_expect_eq(s.numa_node, 0);
    cr_expect_geq(s.resident_bytes, 2 * MIB);
    cr_expect_geq(s.open_bytes, s.resident_bytes);
    cr_expect_eq(s.node_bytes, WEIR_UNSUPPORTED);
    weir_deallocate(weir_cpu_allocator(), block);
}

/* -- residence
 * -------------------------------------------------------------------------------------- */

Test(placement, residence_by_page_and_by_mapping)
{
    size_t huge = weir__os_huge_page_size(), bytes = 0;
    if (!huge)
        cr_skip("no huge pages here");
    char *place = aligned_alloc(huge, 4 * huge);
    char *region = (char *)weir__os_reserve(8 * huge, huge) + huge; /* beside no other mapping */
    cr_assert(place && region != (char *)huge && weir__os_open(region, 6 * huge));
    struct weir__os_placement required = {.huge_pages = WEIR_HUGE_PAGES_REQUIRED};
    if (weir__os_placement_check(&required) != 0)
        cr_skip("no huge pages here");
    weir__os_placement_apply(&required, region, 6 * huge);
    region[0] = 7;
    cr_assert(weir__os_placement_settle(&required, region, 2 * huge));
    cr_assert(weir__os_placement_settle(&required, region + 4 * huge, huge));
    cr_expect_eq(region[0], 7, "contents stay");
    struct weir__os_range all = {region, 6 * huge}, part = {region + huge, huge};
    cr_assert(weir__os_huge_bytes(&all, 1, &bytes));
    cr_expect_eq(bytes, 3 * huge);
    cr_assert(weir__os_huge_bytes(&all, 1, &bytes));
    cr_expect_eq(bytes, 6 * huge, "it adds");
    size_t by_mapping = 0, in_memory = 0;
    cr_assert(weir__os_huge_bytes_by_mapping(&all, 1, &by_mapping));
    cr_expect_eq(by_mapping, 3 * huge);
    cr_expect_not(weir__os_huge_bytes_by_mapping(&part, 1, &by_mapping), "a part cannot be told");
    cr_assert(weir__os_resident(region + 10, 6 * huge - 20, &in_memory));
    cr_expect_eq(in_memory, 3 * huge - 10);
    weir__os_placement_undo(&required, region, 6 * huge);
    cr_expect(has_flag(region, " nh"));
    weir__os_unmap(region - huge, 8 * huge);
    in_memory = 0;
    cr_expect_not(weir__os_resident(region, huge, &in_memory), "what is not mapped");
    free(place);
}
