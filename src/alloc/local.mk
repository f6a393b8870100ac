weir_core_sources += src/alloc/allocator.h src/alloc/standin.c
