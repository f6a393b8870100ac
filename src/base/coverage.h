/*
 * base/coverage.h - the counts of a build for coverage (make check-coverage), kept where a process
 * ends without exit or becomes another program. In every other build, nothing. Owns whether they
 * are being kept; any thread.
 */
#ifndef WEIR_BASE_COVERAGE_H
#define WEIR_BASE_COVERAGE_H

#ifdef WEIR_COVERAGE
/* Of each library and program its own. */
__attribute__((weak, visibility("hidden"))) int weir__coverage_keeping;
#endif

/* The compiler's functions allocate under a lock of theirs: what is found wrong there, and aborts,
 * comes here again and would wait for itself. */
static inline void weir__coverage_keep(void)
{
#ifdef WEIR_COVERAGE
    extern void __gcov_dump(void), __gcov_reset(void);
    if (__atomic_exchange_n(&weir__coverage_keeping, 1, __ATOMIC_ACQUIRE))
        return;
    __gcov_dump();
    __gcov_reset();
    __atomic_store_n(&weir__coverage_keeping, 0, __ATOMIC_RELEASE);
#endif
}

#endif
