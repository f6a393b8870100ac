/*
 * pool/purge.h - purging of what is free in a page heap: pieces are taken out of the layout,
 * purged with the lock dropped, and put back. No state. Knows nothing of when that is due.
 */
#ifndef WEIR_POOL_PURGE_H
#define WEIR_POOL_PURGE_H

#include "pool/page_heap.h"

/*
 * Purges pages that came back `idle_ms` ago or before, until `wanted` bytes were looked at: ends
 * of regions, then holes from the largest down, then slabs from the oldest on. The lock is held,
 * and dropped while the system works; nobody waits for it or gets what is being purged. Bytes
 * that went.
 */
size_t weir__purge_locked(struct weir__page_heap *heap, uint32_t idle_ms, size_t wanted);

#endif
