# src/object, the part about devices: what joins a pool of src/device and the core.

weir_core_sources += src/object/device_allocator.c src/object/device_allocator.h src/object/device_cuda.c src/object/tensor_device.c
