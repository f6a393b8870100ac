/*
 * os/pages.c - see pages.h. Owns the size of a page, once it was asked for, and whether the
 * kernel drops what it is told to drop. Part of two libraries (libweir and libweir-jemalloc), so
 * it needs nothing but the C library.
 */
#include "os/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t weir__os_page_size(void)
{
    /* Written with the same value by the thread that comes first. */
    static size_t size WEIR__AT_START;
    size_t known = weir__relaxed_get(size);
    if (!known) {
        known = (size_t)sysconf(_SC_PAGESIZE);
        weir__relaxed_set(size, known);
    }
    return known;
}

bool weir__os_page_round(size_t size, size_t *rounded)
{
    size_t page = weir__os_page_size();
    if (size > PTRDIFF_MAX - page)
        return false;
    *rounded = weir__round_up(size, page);
    return true;
}

void *weir__os_map(size_t size)
{
    weir__assert(size > 0);
    int saved = errno;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    errno = saved;
    return memory == MAP_FAILED ? NULL : memory;
}

void weir__os_unmap(void *memory, size_t size)
{
    weir__assert(memory && size);
    int saved = errno;
    if (munmap(memory, size) != 0)
        weir__os_close(memory, size);
    errno = saved;
}

/* -- reserving and opening -------------------------------------------------------------- */

/* At `hint`, or elsewhere if that is taken; NULL: there is no room. */
static char *range_reserve(void *hint, size_t size)
{
    void *range = mmap(hint, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return range == MAP_FAILED ? NULL : range;
}

static bool range_is_aligned(const char *range, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment));
    return ((uintptr_t)range & (alignment - 1)) == 0;
}

/* The kernel hands out addresses downwards, so what lies just below a range that it chose is
 * mostly free. NULL: not there. */
static char *range_reserve_below(const char *range, size_t size, size_t alignment)
{
    char *hint = (char *)((uintptr_t)range & ~(alignment - 1)); // NOLINT(performance-no-int-to-ptr)
    char *found = hint ? range_reserve(hint, size) : NULL;
    if (!found || range_is_aligned(found, alignment))
        return found;
    munmap(found, size);
    return NULL;
}

/*
 * Reserves too much and trims both ends.
 *
 *     reserved            range                   reserved + size + slack
 *        |<---- head ---->|<------ size ------>|<---- tail ---->|
 */
static char *range_reserve_trimmed(size_t size, size_t alignment)
{
    size_t slack = alignment - weir__os_page_size();
    char *reserved = size <= PTRDIFF_MAX - slack ? range_reserve(NULL, size + slack) : NULL;
    if (!reserved)
        return NULL;
    size_t head = -(uintptr_t)reserved & (alignment - 1);
    if (head)
        munmap(reserved, head);
    if (slack > head)
        munmap(reserved + head + size, slack - head);
    return reserved + head;
}

static char *range_reserve_aligned(size_t size, size_t alignment)
{
    char *range = range_reserve(NULL, size);
    if (!range || range_is_aligned(range, alignment))
        return range;
    munmap(range, size);
    char *below = range_reserve_below(range, size, alignment);
    return below ? below : range_reserve_trimmed(size, alignment);
}

void *weir__os_reserve(size_t size, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment) && size);
    int saved = errno;
    char *range = NULL;
    if (alignment <= PTRDIFF_MAX && weir__os_page_round(size, &size))
        range = range_reserve_aligned(size, alignment);
    errno = range ? saved : ENOMEM;
    return range;
}

static bool pages_protect(void *part, size_t size, int protection)
{
    weir__assert(((uintptr_t)part & (weir__os_page_size() - 1)) == 0);
    int saved = errno;
    bool done = mprotect(part, size, protection) == 0;
    errno = saved;
    return done;
}

bool weir__os_open(void *part, size_t size)
{
    return pages_protect(part, size, PROT_READ | PROT_WRITE);
}

bool weir__os_shut(void *part, size_t size)
{
    return pages_protect(part, size, PROT_NONE);
}

/* A new mapping in its place and not a change of protection: what the old one was counted
 * for would stay counted. */
void weir__os_close(void *part, size_t size)
{
    int saved = errno;
    if (mmap(part, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        madvise(part, size, MADV_DONTNEED);
    errno = saved;
}

/*
 * The kernel may unmap the target before it finds that it cannot move, and another thread may
 * have got those addresses since. They are ours to give back only if nobody has them now; where
 * that is not available they stay reserved.
 */
static void target_abandon(void *target, size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void *again = mmap(target, size, PROT_NONE, flags, -1, 0);
    if (again != MAP_FAILED)
        munmap(again, size);
}

/* Opening what is to be added asks for all that the move can be refused for, while the target is
 * surely ours. */
static void *mapping_move(void *memory, size_t old_size, size_t new_size, size_t alignment)
{
    char *target = weir__os_reserve(new_size, alignment);
    if (!target)
        return NULL;
    if (!weir__os_open(target + old_size, new_size - old_size)) {
        munmap(target, new_size);
        return NULL;
    }
    void *moved = mremap(memory, old_size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    if (moved != MAP_FAILED)
        return moved;
    target_abandon(target, new_size);
    return NULL;
}

/* ENOMEM: there is no room behind it, or the move will be refused, too. Any other error is about
 * the mapping itself. */
void *weir__os_remap(void *memory, size_t old_size, size_t new_size, size_t alignment)
{
    weir__assert(memory && old_size && new_size);
    int saved = errno;
    void *moved = mremap(memory, old_size, new_size, 0);
    if (moved == MAP_FAILED) {
        bool may_move = errno == ENOMEM && new_size > old_size;
        moved = may_move ? mapping_move(memory, old_size, new_size, alignment) : NULL;
    }
    errno = saved;
    return moved;
}

/* -- apart from all others -------------------------------------------------------------- */

void *weir__os_map_apart(size_t size)
{
    size_t page = weir__os_page_size();
    weir__assert(size && size % page == 0);
    int saved = errno;
    char *range = size <= PTRDIFF_MAX - 2 * page ? range_reserve(NULL, size + 2 * page) : NULL;
    if (range && !weir__os_open(range + page, size)) {
        munmap(range, size + 2 * page);
        range = NULL;
    }
    errno = saved;
    return range ? range + page : NULL;
}

void weir__os_unmap_apart(void *memory, size_t size)
{
    size_t page = weir__os_page_size();
    weir__assert(memory && size % page == 0);
    weir__os_unmap((char *)memory - page, size + 2 * page);
}

/* -- advice and purging ----------------------------------------------------------------- */

void weir__os_huge_pages(void *memory, size_t size, bool wanted)
{
    int saved = errno;
    madvise(memory, size, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    errno = saved;
}

/* Asked once, with a page of our own: emulators and unikernels answer 0 and do nothing. A race
 * writes the same value. Refused (mlockall) it tells nothing; who refuses does not pretend. Only
 * by calls that every sandbox allows. */
enum { DROP_UNKNOWN = 0, DROP_WORKS, DROP_KEEPS };

static int drop_probe(void)
{
    size_t page = weir__os_page_size();
    volatile char *probe = weir__os_map(page);
    if (!probe)
        return DROP_UNKNOWN;
    *probe = 1;
    bool told = madvise((void *)probe, page, MADV_DONTNEED) == 0;
    int state = !told ? DROP_UNKNOWN : *probe == 0 ? DROP_WORKS : DROP_KEEPS;
    munmap((void *)probe, page);
    return state;
}

static bool pages_drop(char *first, size_t whole)
{
    static int drop_state; /* atomic */
    int state = weir__relaxed_get(drop_state);
    if (weir__unlikely(state == DROP_UNKNOWN))
        weir__relaxed_set(drop_state, state = drop_probe());
    return state != DROP_KEEPS && madvise(first, whole, MADV_DONTNEED) == 0;
}

size_t weir__os_purge(void *part, size_t size)
{
    int saved = errno;
    size_t page = weir__os_page_size();
    char *start = part, *end = start + size;
    char *first = start + (-(uintptr_t)start & (page - 1));
    char *last = end - ((uintptr_t)end & (page - 1));
    if (first >= last) {
        memset(start, 0, size);
        return 0;
    }
    size_t whole = (size_t)(last - first);
    memset(start, 0, (size_t)(first - start));
    memset(last, 0, (size_t)(end - last));
    if (!pages_drop(first, whole))
        memset(first, 0, whole);
    errno = saved;
    return whole;
}
