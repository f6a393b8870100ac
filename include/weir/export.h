/*
 * export.h - which names libweir offers, and the attributes its headers use.
 *
 * Everything public starts with weir_ or WEIR_; a test compares the library's
 * exported list with src/weir.map.
 */
#ifndef WEIR_EXPORT_H
#define WEIR_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define WEIR_BEGIN_DECLS extern "C" {
#define WEIR_END_DECLS   }
#else
#define WEIR_BEGIN_DECLS
#define WEIR_END_DECLS
#endif

#define WEIR_API         __attribute__((visibility("default")))
#define WEIR_NODISCARD   __attribute__((warn_unused_result))
#define WEIR_MALLOC(...) __attribute__((malloc, ##__VA_ARGS__))

/* A figure that this allocator, provider or machine cannot tell: never 0. */
#define WEIR_UNSUPPORTED SIZE_MAX

#endif
