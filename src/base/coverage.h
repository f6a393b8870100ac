/*
 * base/coverage.h - the counts of a build for coverage (make check-coverage), kept where a process
 * ends without exit or becomes another program. In every other build, nothing. No state of its
 * own; any thread.
 */
#ifndef WEIR_BASE_COVERAGE_H
#define WEIR_BASE_COVERAGE_H

#ifdef WEIR_COVERAGE
void __gcov_dump(void); // NOLINT(bugprone-reserved-identifier): the compiler's
void __gcov_reset(void);
#define weir__coverage_keep() (__gcov_dump(), __gcov_reset())
#else
#define weir__coverage_keep() ((void)0)
#endif

#endif
