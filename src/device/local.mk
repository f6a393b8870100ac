# src/device: memory of devices, pooled; the tables of host memory and of CUDA.

weir_core_sources += src/device/bins.c src/device/bins.h src/device/block.c src/device/contents.c \
	src/device/cuda.c src/device/cuda_api.h src/device/cuda_table.c \
	src/device/figures.c src/device/host.c src/device/ledger.c src/device/pool.c \
	src/device/pool.h src/device/space.c src/device/stream.c

pkginclude_HEADERS += include/weir/cuda.h include/weir/device.h

