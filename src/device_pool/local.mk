# src/device_pool: memory of one device, pooled, behind a table of functions. Knows nothing of allocators.

weir_core_sources += src/device_pool/bins.c src/device_pool/bins.h src/device_pool/block.c \
	src/device_pool/contents.c src/device_pool/figures.c src/device_pool/ledger.c \
	src/device_pool/pool.c src/device_pool/pool.h src/device_pool/space.c src/device_pool/stream.c
