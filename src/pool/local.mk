# src/pool: size classes, slabs, spans, class centers, thread caches.

weir_core_sources += src/pool/bin.c src/pool/bin.h src/pool/budget.c src/pool/budget.h \
	src/pool/cache.c src/pool/cache.h src/pool/cached.h src/pool/canary.c src/pool/canary.h \
	src/pool/center.c src/pool/center.h \
	src/pool/chunk.c src/pool/chunk.h src/pool/class.c src/pool/class.h \
	src/pool/family.c src/pool/family.h src/pool/home.h src/pool/slab_list.h \
	src/pool/depot.c src/pool/depot.h src/pool/entry.h src/pool/fenced.c src/pool/fenced.h src/pool/fill.c src/pool/fill.h \
	src/pool/hole.c src/pool/hole.h \
	src/pool/layout.c src/pool/layout.h src/pool/late_misuse.c src/pool/late_misuse.h \
	src/pool/map.c src/pool/map.h src/pool/page_heap.c src/pool/page_heap.h \
	src/pool/place.h src/pool/policy.c src/pool/policy.h \
	src/pool/purge.c src/pool/purge.h src/pool/quarantine.c src/pool/quarantine.h src/pool/region.c src/pool/region.h \
	src/pool/resize.c src/pool/resize.h src/pool/returns.c src/pool/returns.h src/pool/label.h \
	src/pool/shard.c src/pool/shard.h src/pool/shelf.c src/pool/shelf.h \
	src/pool/slab.c src/pool/slab.h src/pool/span.c src/pool/span.h src/pool/tail.c src/pool/tail.h \
	src/pool/trap.c src/pool/trap.h src/pool/pace.h src/pool/warm.c src/pool/warm.h
