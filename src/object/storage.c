/*
 * object/storage.c - memory that handles share: owned blocks and wrapped memory. Owns
 * the count of handles; knows no shape.
 */
#include "alloc/allocator.h"
#include "alloc/guarded.h"
#include "base/error.h"
#include "object/tensor.h"

#include <errno.h>

struct weir__storage *weir__storage_make(weir_allocator *a, size_t bytes, bool zeroed)
{
    if (!a)
        return weir__fail_null(EINVAL, "no allocator: NULL was given");
    struct weir__storage *storage = weir__meta_allocate_handle(sizeof *storage);
    if (!storage)
        return weir__fail_null(ENOMEM, "no memory for a tensor's book-keeping");
    storage->data = weir__guarded_object(a, bytes, zeroed);
    if (!storage->data) {
        int saved = errno;
        weir__meta_free_handle(storage, sizeof *storage);
        errno = saved;
        return NULL;
    }
    storage->allocator = a;
    storage->owned = true;
    storage->references = 1;
    return storage;
}

void weir__storage_release(struct weir__storage *storage)
{
    int saved = errno;
    if (__atomic_sub_fetch(&storage->references, 1, __ATOMIC_ACQ_REL))
        return;
    if (storage->owned)
        weir_deallocate(storage->allocator, storage->data);
    if (storage->deleter)
        storage->deleter(storage->user, storage->data);
    weir__meta_free_handle(storage, sizeof *storage);
    errno = saved;
}

size_t weir_tensor_storage_count(const weir_tensor *t)
{
    return weir__tensor_is_live(t) ? __atomic_load_n(&t->storage->references, __ATOMIC_ACQUIRE) : 0;
}

bool weir_tensor_shares_storage(const weir_tensor *a, const weir_tensor *b)
{
    return weir__tensor_is_live(a) && weir__tensor_is_live(b) && a->storage == b->storage;
}
