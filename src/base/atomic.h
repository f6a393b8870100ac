/*
 * base/atomic.h - the words for fields that several threads touch. Owns nothing; says nothing of
 * who may write a field, which its struct says.
 *
 *   weir__relaxed_get, _set   an atomic access without order: figures, flags and hints, and
 *                             fields whose order a lock or a fence makes
 *   weir__own_get, _set       the same by the field's one writer, on a fast path
 *   weir__torn_copy, _clear   bytes that others may be writing, in whatever way
 *
 * Where an access orders others, and for read-modify-writes, the __atomic builtin stands there with
 * its order. <stdatomic.h> is not used: it would have fields be _Atomic, and their owner's accesses
 * dear.
 */
#ifndef WEIR_BASE_ATOMIC_H
#define WEIR_BASE_ATOMIC_H

#include <string.h>

#define weir__relaxed_get(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define weir__relaxed_set(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

/*
 * Spelled plainly, because compilers do not fold atomic accesses into memory operands (measured: 10
 * of 90 instructions a pair). By the letter of C11 that is a data race where another thread reads
 * the field. Under ThreadSanitizer they are what they stand for.
 */
#if defined(__SANITIZE_THREAD__)
#define WEIR__ATOMIC_OWN 1
#elif defined(__SANITIZE_ADDRESS__)
#define WEIR__ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR__ATOMIC_OWN 1
#elif __has_feature(address_sanitizer)
#define WEIR__ADDRESS_SANITIZER 1
#endif
#endif
#ifdef WEIR__ATOMIC_OWN
#define weir__own_get(field)        weir__relaxed_get(field)
#define weir__own_set(field, value) weir__relaxed_set(field, value)
#else
#define weir__own_get(field)        (field)
#define weir__own_set(field, value) ((field) = (value))
#endif

/* A small function of a header that reads or writes what a sanitizer would report: it looks at none
 * of it. Inline where there is no sanitizer. */
#if defined(WEIR__ATOMIC_OWN)
#define WEIR__UNSEEN __attribute__((noinline, no_sanitize("thread"), unused)) static
#elif defined(WEIR__ADDRESS_SANITIZER)
#define WEIR__UNSEEN __attribute__((noinline, no_sanitize("address"), unused)) static
#else
#define WEIR__UNSEEN static inline __attribute__((always_inline))
#endif

/*
 * Of bytes that a program may write meanwhile as it likes, its own block's or another process's.
 * What a copy is worth the caller finds out afterwards, and each byte is looked at once. By the
 * letter a data race.
 */
#ifdef WEIR__ATOMIC_OWN
WEIR__UNSEEN void weir__torn_copy(void *to, const void *from, size_t size)
{
    for (size_t at = 0; at < size; at++) /* volatile: no memcpy, which is looked into */
        ((volatile char *)to)[at] = ((const volatile char *)from)[at];
}
WEIR__UNSEEN void weir__torn_clear(void *to, size_t size)
{
    for (size_t at = 0; at < size; at++)
        ((volatile char *)to)[at] = 0;
}
#else
#define weir__torn_copy(to, from, size) ((void)memcpy((to), (from), (size)))
#define weir__torn_clear(to, size)      ((void)memset((to), 0, (size)))
#endif

#endif
