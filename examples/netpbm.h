/*
 * netpbm.h - reads PGM and PPM images (P2, P3, P5, P6; 8 or 16 bits a sample), as used by
 * the examples in C and in C++.
 */
#ifndef EXAMPLES_NETPBM_H
#define EXAMPLES_NETPBM_H

#include <weir/weir.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The image as a float32 tensor of channels (1 or 3) x height x width on `a`, samples in 0 to
 * 1; the caller releases it. NULL: `why` (of `size` bytes) says in one line what is wrong.
 */
weir_tensor *netpbm_read(const char *path, weir_allocator *a, char *why, size_t size);

#ifdef __cplusplus
}
#endif

#endif
