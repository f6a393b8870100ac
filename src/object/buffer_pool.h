/* object/buffer_pool.h - what buffers ask of their pool beyond the public interface. */
#ifndef WEIR_OBJECT_BUFFER_POOL_H
#define WEIR_OBJECT_BUFFER_POOL_H

#include <weir/buffer_pool.h>

/* May the block that is out serve `size` bytes within the bound on waste? Then that is
 * what was asked for from now on. */
bool weir__buffer_pool_refit(weir_buffer_pool *pool, const void *block, size_t size);

#endif
