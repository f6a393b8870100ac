# src/alloc: the allocator interface over pool and track.

weir_core_sources += src/alloc/allocate.c src/alloc/allocator.h src/alloc/background.c src/alloc/block.h \
	src/alloc/context.c src/alloc/context.h src/alloc/deallocate.c src/alloc/find.c \
	src/alloc/foreign.c src/alloc/fork.c src/alloc/fork.h src/alloc/heap.c src/alloc/observe.h \
	src/alloc/pool.c src/alloc/reallocate.c src/alloc/small.h src/alloc/source.c src/alloc/stats.c \
	src/alloc/tag.c src/alloc/trace.c src/alloc/trace.h src/alloc/trim.c src/alloc/walk.c
