/* os/residence.c - see residence.h. */
#include "os/residence.h"

#include "os/lines.h"
#include "os/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Pages that are asked for at a time. */
#define PAGES_AT_ONCE 1024
#define NODES_AT_ONCE 256

/* The number at *at, which is left behind it and a blank. */
static size_t number_next(const char **at)
{
    size_t number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        number = number * 10 + (size_t)(**at - '0');
    *at += **at == ' ';
    return number;
}

size_t weir__os_process_resident(size_t *files)
{
    char text[128];
    int saved = errno, statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = statm >= 0 ? read(statm, text, sizeof text - 1) : -1;
    if (statm >= 0)
        close(statm);
    errno = saved;
    text[n > 0 ? n : 0] = '\0';
    const char *at = text;
    number_next(&at); /* of addresses */
    size_t pages = number_next(&at), shared = number_next(&at);
    if (files)
        *files = shared * weir__os_page_size();
    return pages * weir__os_page_size();
}

/* -- in memory ----------------------------------------------------------------------------------
 */

/* Bytes of [start, end) in the page at `at`. */
static size_t page_part(uintptr_t at, uintptr_t start, uintptr_t end)
{
    return weir__min(at + weir__os_page_size(), end) - weir__max(at, start);
}

uint64_t weir__os_process_faults(void)
{
    int saved = errno;
    struct rusage usage;
    bool known = getrusage(RUSAGE_SELF, &usage) == 0;
    errno = saved;
    return known ? (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt : 0;
}

bool weir__os_resident(const void *data, size_t size, size_t *bytes)
{
    unsigned char there[PAGES_AT_ONCE];
    size_t page = weir__os_page_size();
    uintptr_t start = (uintptr_t)data, end = start + size;
    int saved = errno;
    for (uintptr_t at = start & ~(page - 1); at < end; at += PAGES_AT_ONCE * page) {
        size_t part = weir__min(end - at, PAGES_AT_ONCE * page);
        bool told = mincore((void *)at, part, there) == 0; // NOLINT(performance-no-int-to-ptr)
        errno = saved;
        if (!told)
            return false;
        for (size_t i = 0; i * page < part; i++)
            if (there[i] & 1)
                *bytes += page_part(at + i * page, start, end);
    }
    return true;
}

/* -- on huge pages, page by page ------------------------------------------------------------------
 */

/* <linux/fs.h>, which is newer than some systems. */
#define SCAN_PRESENT  (1u << 3)
#define SCAN_ZEROPAGE (1u << 5)
#define SCAN_HUGE     (1u << 6)
struct scan_found {
    uint64_t start, end, categories;
};
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
_Static_assert(sizeof(struct scan) == 96, "as the kernel has it");
#define SCAN_REQUEST _IOWR('f', 16, struct scan)

/* The kernel's page of zeros may be huge, too, and is nobody's. */
static bool range_scan(int pagemap, const struct weir__os_range *range, size_t *bytes)
{
    struct scan_found found[64];
    struct scan scan = {.size = sizeof scan,
                        .start = (uintptr_t)range->start,
                        .end = (uintptr_t)range->start + range->size,
                        .vec = (uintptr_t)found,
                        .vec_len = sizeof found / sizeof *found,
                        .category_inverted = SCAN_ZEROPAGE,
                        .category_mask = SCAN_PRESENT | SCAN_HUGE | SCAN_ZEROPAGE,
                        .return_mask = SCAN_HUGE};
    while (scan.start < scan.end) {
        int n = ioctl(pagemap, SCAN_REQUEST, &scan);
        if (n < 0)
            return false;
        for (int i = 0; i < n; i++)
            *bytes += (size_t)(found[i].end - found[i].start);
        scan.start = scan.walk_end;
    }
    return true;
}

/* -- on huge pages, by mapping
 * --------------------------------------------------------------------- */

/* How much of [start, end) the ranges have. */
static size_t ranges_overlap(const struct weir__os_range *ranges, size_t n, uintptr_t start,
                             uintptr_t end)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        uintptr_t first = weir__max((uintptr_t)ranges[i].start, start);
        uintptr_t last = weir__min((uintptr_t)ranges[i].start + ranges[i].size, end);
        bytes += first < last ? last - first : 0;
    }
    return bytes;
}

/* A mapping of smaps begins with "START-END ", its figures follow. False, and nothing changed: this
 * is one of those. */
static bool mapping_parse(const char *line, uintptr_t *start, uintptr_t *end)
{
    char *dash, *blank;
    uintptr_t first = strtoul(line, &dash, 16);
    if (dash == line || *dash != '-')
        return false;
    uintptr_t last = strtoul(dash + 1, &blank, 16);
    if (blank == dash + 1 || *blank != ' ')
        return false;
    *start = first;
    *end = last;
    return true;
}

/* Some pages of a mapping that has others' are huge: whose they are is not told. */
static bool mapping_add(size_t size, size_t overlap, size_t huge, size_t *bytes)
{
    if (overlap == size)
        *bytes += huge;
    return !overlap || !huge || overlap == size;
}

bool weir__os_huge_bytes_by_mapping(const struct weir__os_range *ranges, size_t n, size_t *bytes)
{
    static const char key[] = "AnonHugePages:";
    struct weir__os_lines in;
    uintptr_t start = 0, end = 0;
    size_t overlap = 0;
    bool told = true;
    int saved = errno;
    if (!weir__os_lines_open(&in, "/proc/self/smaps")) {
        errno = saved;
        return false;
    }
    for (const char *line; told && (line = weir__os_lines_next(&in));)
        if (mapping_parse(line, &start, &end))
            overlap = ranges_overlap(ranges, n, start, end);
        else if (strncmp(line, key, sizeof key - 1) == 0)
            told = mapping_add(end - start, overlap,
                               strtoul(line + sizeof key - 1, NULL, 10) * WEIR__KIB, bytes);
    weir__os_lines_close(&in);
    errno = saved;
    return told;
}

bool weir__os_huge_bytes(const struct weir__os_range *ranges, size_t n, size_t *bytes)
{
    size_t sum = 0;
    int saved = errno, pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool told = pagemap >= 0;
    for (size_t i = 0; i < n && told; i++)
        told = range_scan(pagemap, &ranges[i], &sum);
    if (pagemap >= 0)
        close(pagemap);
    errno = saved;
    if (!told)
        return weir__os_huge_bytes_by_mapping(ranges, n, bytes);
    *bytes += sum;
    return true;
}

/* -- on a node
 * -------------------------------------------------------------------------------------- */

/* move_pages without nodes to move to says where pages are; a negative status is of one that is
 * nowhere. */
bool weir__os_node_bytes(const struct weir__os_range *range, unsigned node, size_t *bytes)
{
    const void *pages[NODES_AT_ONCE];
    int status[NODES_AT_ONCE], saved = errno;
    size_t page = weir__os_page_size();
    for (size_t at = 0; at < range->size;) {
        size_t n = 0;
        for (; n < NODES_AT_ONCE && at < range->size; at += page)
            pages[n++] = range->start + at;
        bool told = syscall(SYS_move_pages, 0, n, pages, NULL, status, 0) == 0;
        errno = saved;
        if (!told)
            return false;
        for (size_t i = 0; i < n; i++)
            *bytes += status[i] == (int)node ? page : 0;
    }
    return true;
}
