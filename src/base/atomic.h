/*
 * base/atomic.h - the words for fields that several threads touch. Owns nothing; says nothing of
 * who may write a field, which its struct says.
 *
 *   weir__relaxed_get, _set   an atomic access without order: figures, flags and hints, and
 *                             fields whose order a lock or a fence makes
 *   weir__own_get, _set       the same by the field's one writer, on a fast path
 *
 * Where an access orders others, and for read-modify-writes, the __atomic builtin stands there with
 * its order. <stdatomic.h> is not used: it would have fields be _Atomic, and their owner's accesses
 * dear.
 */
#ifndef WEIR_BASE_ATOMIC_H
#define WEIR_BASE_ATOMIC_H

#define weir__relaxed_get(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define weir__relaxed_set(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

/*
 * Spelled plainly, because compilers do not fold atomic accesses into memory operands (measured: 10
 * of 90 instructions a pair). By the letter of C11 that is a data race where another thread reads
 * the field. Under ThreadSanitizer they are what they stand for.
 */
#if defined(__SANITIZE_THREAD__)
#define WEIR__ATOMIC_OWN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR__ATOMIC_OWN 1
#endif
#endif
#ifdef WEIR__ATOMIC_OWN
#define weir__own_get(field)        weir__relaxed_get(field)
#define weir__own_set(field, value) weir__relaxed_set(field, value)
#else
#define weir__own_get(field)        (field)
#define weir__own_set(field, value) ((field) = (value))
#endif

#endif
