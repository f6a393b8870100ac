# tests/preload: programs that tests/scripts run on libweir-malloc.so.

EXTRA_DIST += tests/preload/calls.c \
	tests/preload/life.c \
	tests/preload/plugin.cc \
	tests/preload/sandbox.c \
	tests/preload/silent.c
check_PROGRAMS += tests/preload/pairs
tests_preload_pairs_CFLAGS = $(AM_CFLAGS) -fno-builtin
