# tests/core.mk: tests of base, backing, pool, track, alloc and of the tree itself.

noinst_HEADERS += tests/core.h

criterion_tests += tests/api_version tests/api_oracle tests/api_misuse \
	tests/api_allocator tests/api_context tests/api_ends
criterion_tests += tests/unit_backing tests/unit_faults
tests_unit_backing_LDADD = $(unit_ldadd)
tests_unit_faults_LDADD = $(unit_ldadd)

plain_tests += tests/late_load
tests_late_load_LDADD = -lpthread -ldl

script_tests += tests/exports.sh tests/layers.sh tests/ctypes.sh
EXTRA_DIST += tests/outside.sh tests/outside/program.c tests/outside/module.c

valgrind_tests += tests/api_version tests/unit_backing
