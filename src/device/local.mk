# src/device: allocators of devices over pools of src/device_pool, the tables of host memory and of CUDA, and
# tensors that go from one device, or one runtime (DLPack), to another.

weir_core_sources += src/device/allocator.c src/device/allocator.h src/device/cuda.c src/device/cuda_allocator.c \
	src/device/cuda_api.h src/device/cuda_table.c src/device/dlpack.c src/device/dlpack_abi.h \
	src/device/host.c src/device/tensor.c

pkginclude_HEADERS += include/weir/cuda.h include/weir/device.h include/weir/dlpack.h

