/*
 * alloc/pool.h - what the core asks of a weir_pool, which owns a page heap and the allocator over
 * it. Any thread; takes no lock.
 */
#ifndef WEIR_ALLOC_POOL_H
#define WEIR_ALLOC_POOL_H

#include <weir/pool.h>

struct weir__page_heap *weir__pool_page_heap(weir_pool *pool);

/* If not, misuse was reported. */
bool weir__pool_is_live(const weir_pool *pool);

#endif
