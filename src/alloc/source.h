/* alloc/source.h - providers of single blocks for contexts that bypass the pool. */
#ifndef WEIR_ALLOC_SOURCE_H
#define WEIR_ALLOC_SOURCE_H

#include <weir/allocator.h>

/* Functions of WEIR_SOURCE_BACKING and WEIR_SOURCE_MALLOC, and the name of who supplies the
 * memory. */
const weir_allocator_functions *weir__source_functions(weir_source source, const char **backing);

#endif
