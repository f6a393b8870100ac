# preload: libweir-malloc.so, malloc over weir for programs that nobody changes. It
# holds the core itself, hidden, over the system's memory: a program that links
# libweir has that one apart.

if SHARED
pkglib_LTLIBRARIES = libweir-malloc.la
libweir_malloc_la_SOURCES = preload/malloc.c preload/info.c \
	preload/start.c preload/report.c preload/report.h preload/fork.c preload/image.c preload/image.h \
	preload/last.c preload/exit.c preload/mapped_code.c preload/mapped_code.h preload/mapping.c preload/mark.c preload/sandbox.c preload/signal.c preload/system_call.h preload/load.c preload/owner.c \
	preload/exec.c preload/environment.c preload/environment.h \
	preload/policy.c preload/preload.h $(program_file_sources) \
	src/observe/run_page.h
libweir_malloc_la_CFLAGS = $(AM_CFLAGS) $(WEIR_LIBRARY_CFLAGS) -fno-builtin-malloc -fexceptions
libweir_malloc_la_LIBADD = -lpthread -ldl
libweir_malloc_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -no-undefined \
	-Wl,--version-script=$(top_srcdir)/preload/malloc.map -Wl,-Bsymbolic-functions \
	-Wl,-z,nodelete -Wl,-z,now -Wl,.libs/libweir-internal.a
# The archive itself, so that only what malloc needs comes in, and no libm with it.
EXTRA_libweir_malloc_la_DEPENDENCIES = $(top_srcdir)/preload/malloc.map libweir-internal.la
endif
EXTRA_DIST += preload/malloc.map

# Programs nobody here wrote, under glibc's malloc, jemalloc, mimalloc and this one.
bench-programs: all
	$(PYTHON3) $(top_srcdir)/bench/programs.py $(BENCH_PROGRAMS_FLAGS) .libs/libweir-malloc.so

# The same programs and some that do little but allocate: alone, under `weir run`, and recorded.
bench-run: all tests/preload/pairs$(EXEEXT)
	$(PYTHON3) $(top_srcdir)/bench/run_programs.py --loops tests/preload/pairs$(EXEEXT) $(BENCH_RUN_FLAGS) ./weir

# Many more, plain, under `weir run` and recorded; peaks against an independent count.
check-programs: all
	CC='$(CC)' $(PYTHON3) $(top_srcdir)/tests/programs/check-programs --weir ./weir $(CHECK_PROGRAMS_FLAGS)

PYTHON3 = python3
EXTRA_DIST += bench/programs.py bench/program_loads.py bench/run_programs.py
EXTRA_DIST += tests/programs/check-programs tests/programs/oracle.c tests/programs/table.py
.PHONY: bench-programs bench-run check-programs
