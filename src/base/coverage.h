/*
 * base/coverage.h - the counts of a build for coverage (make check-coverage), kept where a process
 * ends without exit or becomes another program. In every other build, nothing. No state of its
 * own; any thread.
 */
#ifndef WEIR_BASE_COVERAGE_H
#define WEIR_BASE_COVERAGE_H

static inline void weir__coverage_keep(void)
{
#ifdef WEIR_COVERAGE
    extern void __gcov_dump(void), __gcov_reset(void); /* the compiler's */
    __gcov_dump();
    __gcov_reset();
#endif
}

#endif
