/*
 * object/mapped.c - tensors over parts of files. Owns the list of those parts, under a lock of its
 * own, which is held while the kernel is asked what of them is in memory. A part is memory that is
 * wrapped and whose deleter unmaps it: tensors know nothing else of it.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/sized.h"
#include "object/tensor.h"
#include "os/file_map.h"
#include "os/locks.h"
#include "os/residence.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATS_FIRST WEIR__SIZE_WITH(weir_mapped_stats, resident_bytes)

/* A part of a file in memory. Never changes, but for the link. */
struct mapping {
    struct weir__link link;
    void *data; /* NULL: without elements */
    size_t size;
    bool told; /* which of its pages are in memory */
};

static struct {
    weir__lock lock;
    struct weir__list all;
} mappings = {.lock = WEIR__LOCK(LISTED)};
WEIR__LOCKS_KNOW(LISTED, &mappings.lock);

static const struct mapping *mapping_of(const struct weir__link *link)
{
    return weir__list_of(link, struct mapping, link);
}

/* -- making and unmaking ---------------------------------------------------------------------- */

static void mapping_free(struct mapping *mapping)
{
    if (mapping->data)
        weir__os_file_unmap(mapping->data, mapping->size);
    weir__meta_free(mapping, sizeof *mapping);
}

/* The storage's deleter. */
static void mapping_delete(void *user, void *data)
{
    struct mapping *mapping = user;
    (void)data;
    weir__lock_take(&mappings.lock);
    weir__list_remove(&mappings.all, &mapping->link);
    weir__lock_drop(&mappings.lock);
    mapping_free(mapping);
}

static struct mapping *mapping_make(int file, uint64_t offset, size_t size, bool writable)
{
    struct mapping *mapping = weir__meta_allocate(sizeof *mapping);
    if (!mapping)
        return weir__fail_null(ENOMEM, "no memory for the book-keeping of a mapped file");
    mapping->size = size;
    mapping->told = weir__os_file_residence_is_told(file);
    if (!size)
        return mapping;
    errno = ENOMEM;
    mapping->data = weir__fault_now() ? NULL : weir__os_file_map(file, offset, size, writable);
    if (mapping->data)
        return mapping;
    int error = errno;
    mapping_free(mapping);
    return weir__fail_null(error, "the file cannot be mapped: %s", strerror(error));
}

/* Is there so much of it? 0, or an errno value. */
static int file_check(int file, uint64_t offset, size_t size)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return weir__fail(errno, "no file to map: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return weir__fail(ENODEV, "what is to be mapped is no regular file");
    uint64_t there = (uint64_t)status.st_size;
    if (offset > there || size > there - offset)
        return weir__fail(ENXIO, "the file is too short: %zu bytes from %llu on, and it has %llu",
                          size, (unsigned long long)offset, (unsigned long long)there);
    return 0;
}

/* In the list from here on. */
static weir_tensor *mapping_wrap(struct mapping *mapping, const struct weir__layout *layout,
                                 bool read_only)
{
    weir_tensor_memory memory = {
        .data = mapping->data, .deleter = mapping_delete, .user = mapping, .read_only = read_only};
    weir_tensor *t = weir_tensor_wrap_memory(&memory, layout->shape, layout->ndim, layout->dtype);
    if (!t) {
        int error = errno;
        mapping_free(mapping);
        errno = error;
        return NULL;
    }
    weir__lock_take(&mappings.lock);
    weir__list_push(&mappings.all, &mapping->link);
    weir__lock_drop(&mappings.lock);
    return t;
}

weir_tensor *weir_tensor_map_fd(int file, uint64_t offset, const int64_t *shape, size_t ndim,
                                weir_dtype dtype, weir_map_mode mode)
{
    struct weir__layout layout = {0};
    if (mode != WEIR_MAP_READ_ONLY && mode != WEIR_MAP_COPY_ON_WRITE)
        return weir__fail_null(EINVAL, "there is no way %d to map a file", (int)mode);
    int error = weir__layout_make(&layout, shape, ndim, dtype);
    if (!error)
        error = file_check(file, offset, weir__layout_bytes(&layout));
    if (error) {
        errno = error;
        return NULL;
    }
    struct mapping *mapping =
        mapping_make(file, offset, weir__layout_bytes(&layout), mode == WEIR_MAP_COPY_ON_WRITE);
    return mapping ? mapping_wrap(mapping, &layout, mode == WEIR_MAP_READ_ONLY) : NULL;
}

weir_tensor *weir_tensor_map_file(const char *path, uint64_t offset, const int64_t *shape,
                                  size_t ndim, weir_dtype dtype, weir_map_mode mode)
{
    if (!path)
        return weir__fail_null(EINVAL, "no file to map: NULL was given");
    int saved = errno;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return weir__fail_null(errno, "%s: %s", path, strerror(errno));
    weir_tensor *t = weir_tensor_map_fd(file, offset, shape, ndim, dtype, mode);
    int error = t ? saved : errno;
    close(file);
    errno = error;
    return t;
}

/* -- questions --------------------------------------------------------------------------------- */

bool weir_tensor_is_mapped(const weir_tensor *t)
{
    return weir__tensor_is_live(t) && t->storage->deleter == mapping_delete;
}

/* Adds to the bytes; a sum with a part that is not available is not available either. */
static void resident_add(const struct mapping *mapping, size_t *bytes)
{
    size_t own = 0;
    bool told = mapping->told && weir__os_resident(mapping->data, mapping->size, &own);
    *bytes = told && *bytes != WEIR_UNSUPPORTED ? *bytes + own : WEIR_UNSUPPORTED;
}

size_t weir_tensor_resident(const weir_tensor *t)
{
    size_t bytes = 0;
    if (!weir_tensor_is_mapped(t))
        return WEIR_UNSUPPORTED;
    resident_add(t->storage->user, &bytes);
    return bytes;
}

int weir_mapped_stats_get(weir_mapped_stats *stats)
{
    if (!stats)
        return weir__fail(EINVAL, "no room for statistics: NULL was given");
    if (!weir__size_fits(stats->size, STATS_FIRST))
        return weir__fail(EINVAL, "weir_mapped_stats.size is %zu: no such struct", stats->size);
    weir_mapped_stats made = {0};
    weir__lock_take(&mappings.lock);
    for (const struct weir__link *link = mappings.all.first; link; link = link->next) {
        made.mappings++;
        made.mapped_bytes += mapping_of(link)->size;
        resident_add(mapping_of(link), &made.resident_bytes);
    }
    weir__lock_drop(&mappings.lock);
    weir__figures_give(stats, STATS_FIRST, &made, sizeof made);
    return 0;
}
