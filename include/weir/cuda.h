/*
 * cuda.h - the memory of NVIDIA GPUs, by the driver API. libcuda.so.1 is opened at the
 * first call here: nothing of CUDA is needed to build weir or to run programs elsewhere.
 *
 * A block is a CUdeviceptr; streams and events are CUstream and CUevent, so the
 * runtime API's and other libraries' fit. The device's primary context is used, retained
 * while the allocator lives, and made current only for the length of a call.
 *
 * Each function gives the same allocator to every caller while it lives; it is the
 * process's: weir_allocator_destroy ends it, and the next call makes a new one. Any
 * thread. NULL with ENODEV where there is no driver, no such device, or the driver
 * refuses (weir_last_error has its name and text); ENOMEM.
 */
#ifndef WEIR_CUDA_H
#define WEIR_CUDA_H

#include <weir/device.h>

WEIR_BEGIN_DECLS

/* Number of devices; 0 with errno ENODEV and a reason where there is no driver. */
WEIR_API int weir_cuda_device_count(void) WEIR_NOEXCEPT;

/* "NVIDIA ..." into `name` (cut at `size`). 0, ENODEV or EINVAL. */
WEIR_API int weir_cuda_device_name(int device, char *name, size_t size) WEIR_NOEXCEPT
    WEIR_WRITES(2, 3) WEIR_NODISCARD;

/* Memory of the device: "cuda:N". */
WEIR_API weir_allocator *weir_cuda_allocator(int device) WEIR_NOEXCEPT;

/* Pinned host memory, which copies to and from the device need to be fast: "cuda-host".
 * The host may touch it. Made in the primary context of device 0. */
WEIR_API weir_allocator *weir_cuda_host_allocator(void) WEIR_NOEXCEPT;

/* Managed memory, which moves between host and device as it is touched: "cuda-managed:N".
 * Where the device lacks concurrent managed access the host must not touch it while
 * kernels run. */
WEIR_API weir_allocator *weir_cuda_managed_allocator(int device) WEIR_NOEXCEPT;

/* A table on the device's memory for weir_device_allocator_create with other options: each
 * call makes another. Pass it on at once; the allocator destroys it. */
WEIR_API const weir_device_table *weir_cuda_table_create(int device) WEIR_NOEXCEPT WEIR_NODISCARD;

WEIR_END_DECLS
#endif
