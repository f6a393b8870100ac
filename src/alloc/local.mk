weir_core_sources += src/alloc/allocator.h src/alloc/observe.h src/alloc/standin.c
