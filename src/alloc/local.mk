# src/alloc: the allocator interface: joins pool and track.

weir_core_sources += src/alloc/allocate.c src/alloc/allocate.h src/alloc/allocator.c \
	src/alloc/allocator.h src/alloc/background.c src/alloc/background.h src/alloc/block.c \
	src/alloc/block.h src/alloc/body.c src/alloc/body.h src/alloc/callback.c src/alloc/callback.h src/alloc/check.c src/alloc/check.h src/alloc/context.c src/alloc/context.h \
	src/alloc/count.c src/alloc/count.h src/alloc/corruption.c src/alloc/corruption.h src/alloc/cpu.c src/alloc/cpu.h src/alloc/deallocate.c \
	src/alloc/deallocate.h src/alloc/fork.c src/alloc/fork.h src/alloc/handle.c \
	src/alloc/guarded.c src/alloc/guarded.h src/alloc/hardened.c src/alloc/hardened.h src/alloc/hardened_small.c src/alloc/hardened_small.h src/alloc/handle.h src/alloc/heap.c src/alloc/heap.h src/alloc/inspect.c src/alloc/inspect.h \
	src/alloc/local.c src/alloc/local.h \
	src/alloc/large.c src/alloc/large.h src/alloc/limit.c src/alloc/limit.h src/alloc/misuse.c src/alloc/misuse.h \
	src/alloc/own_heap.c src/alloc/own_heap.h src/alloc/placement.c \
	src/alloc/pressure.c src/alloc/pressure.h src/alloc/provided.c src/alloc/provided.h src/alloc/reallocate.c \
	src/alloc/reallocate.h src/alloc/refusal.c src/alloc/refusal.h src/alloc/small.c src/alloc/small.h \
	src/alloc/soft_limit.c src/alloc/soft_limit.h src/alloc/source.c src/alloc/source.h src/alloc/stats.c src/alloc/tag.c src/alloc/tag.h \
	src/alloc/trace.c src/alloc/trace.h src/alloc/trim.c src/alloc/trim.h src/alloc/walk.c \
	src/alloc/walk.h
