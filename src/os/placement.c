/* os/placement.c - see placement.h. The calls for nodes have no wrapper in the C library. */
#include "os/placement.h"

#include "os/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/mempolicy.h> and <linux/mman.h>, which are newer than some systems. */
#define POLICY_DEFAULT      0
#define POLICY_PREFERRED    1
#define POLICY_MOVE         (1 << 1) /* of mbind: pages that are there already, too */
#define POLICY_MEMS_ALLOWED (1 << 2)
#define ADVICE_COLLAPSE     25

#define NODES_MOST 1024 /* of every kernel */
#define WORD_BITS  (8 * sizeof(unsigned long))

struct nodes {
    unsigned long words[NODES_MOST / WORD_BITS];
};

/* The kernel takes one bit less than it is told of. */
static const unsigned long nodes_told = NODES_MOST + 1;

size_t weir__os_huge_page_size(void)
{
    static const char path[] = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";
    static size_t size; /* written with the same value by the thread that comes first; 1: none */
    size_t known = weir__relaxed_get(size);
    if (known)
        return known == 1 ? 0 : known;
    char text[32] = "";
    int saved = errno, file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    known = got > 0 ? strtoul(text, NULL, 10) : 0;
    known = weir__is_power_of_two(known) ? known : 1;
    weir__relaxed_set(size, known);
    errno = saved;
    return known == 1 ? 0 : known;
}

/* -- nodes --------------------------------------------------------------------------------------
 */

static int node_check(unsigned numa_node)
{
    struct nodes allowed = {{0}};
    unsigned node = numa_node - 1;
    if (syscall(SYS_get_mempolicy, NULL, &allowed, nodes_told, NULL, POLICY_MEMS_ALLOWED) != 0)
        return ENOTSUP;
    if (node >= NODES_MOST || !(allowed.words[node / WORD_BITS] >> node % WORD_BITS & 1))
        return EINVAL;
    return 0;
}

/* Preferred: a node that is full is no reason to end the process. */
static bool node_apply(unsigned numa_node, void *memory, size_t size)
{
    struct nodes wanted = {{0}};
    unsigned node = numa_node - 1;
    wanted.words[node / WORD_BITS] = 1ul << node % WORD_BITS;
    return syscall(SYS_mbind, memory, size, POLICY_PREFERRED, &wanted, nodes_told, POLICY_MOVE) ==
           0;
}

/* -- huge pages ---------------------------------------------------------------------------------
 */

/* One byte of each is touched, as it is: where the kernel can it gives a huge page then. What came
 * as small pages is collapsed; that also tells whether all are huge. errno says why not. */
static bool huge_pages_make(char *memory, size_t size)
{
    size_t huge = weir__os_huge_page_size();
    weir__assert(huge && (uintptr_t)memory % huge == 0 && size % huge == 0);
    for (char *page = memory; page < memory + size; page += huge)
        __atomic_fetch_add(page, 0, __ATOMIC_RELAXED);
    return madvise(memory, size, ADVICE_COLLAPSE) == 0;
}

/* A huge page, made and thrown away. Kernels before 6.1 know no such advice, and say EINVAL; so
 * does one that has no huge pages. */
static int huge_page_try(void)
{
    size_t size = weir__os_huge_page_size();
    char *page = size ? weir__os_reserve(size, size) : NULL;
    if (!page)
        return size ? ENOMEM : ENOTSUP;
    bool open = weir__os_open(page, size);
    weir__os_huge_pages(page, size, true);
    int error = open && huge_pages_make(page, size) ? 0 : errno;
    weir__os_unmap(page, size);
    return !error ? 0 : error == EINVAL || error == ENOSYS || error == EPERM ? ENOTSUP : ENOMEM;
}

/* -- placement ----------------------------------------------------------------------------------
 */

int weir__os_placement_check(const struct weir__os_placement *placement)
{
    int saved = errno;
    int error = placement->numa_node ? node_check(placement->numa_node) : 0;
    if (!error && placement->huge_pages == WEIR_HUGE_PAGES_REQUIRED)
        error = huge_page_try();
    if (!error && placement->numa_node) {
        char *page = weir__os_map(weir__os_page_size());
        error = !page                                                          ? ENOMEM
                : node_apply(placement->numa_node, page, weir__os_page_size()) ? 0
                                                                               : ENOTSUP;
        if (page)
            weir__os_unmap(page, weir__os_page_size());
    }
    errno = saved;
    return error;
}

void weir__os_placement_apply(const struct weir__os_placement *placement, void *memory, size_t size)
{
    int saved = errno;
    if (placement->huge_pages)
        weir__os_huge_pages(memory, size, placement->huge_pages != WEIR_HUGE_PAGES_NEVER);
    if (placement->numa_node)
        node_apply(placement->numa_node, memory, size);
    errno = saved;
}

bool weir__os_placement_settle(const struct weir__os_placement *placement, void *memory,
                               size_t size)
{
    if (placement->huge_pages != WEIR_HUGE_PAGES_REQUIRED)
        return true;
    int saved = errno;
    bool settled = huge_pages_make(memory, size);
    errno = saved;
    return settled;
}

void weir__os_placement_undo(const struct weir__os_placement *placement, void *memory, size_t size)
{
    int saved = errno;
    if (placement->huge_pages)
        weir__os_huge_pages(memory, size, false);
    if (placement->numa_node)
        syscall(SYS_mbind, memory, size, POLICY_DEFAULT, NULL, 0, 0);
    errno = saved;
}
