# tests/core.mk: tests of base, backing, pool, track, alloc and of the tree itself.

criterion_tests += tests/api_version tests/unit_backing
tests_unit_backing_LDADD = $(unit_ldadd)

plain_tests += tests/late_load
tests_late_load_LDADD = -lpthread -ldl

script_tests += tests/exports.sh tests/layers.sh tests/ctypes.sh tests/outside.sh
EXTRA_DIST += tests/outside/program.c tests/outside/module.c

valgrind_tests += tests/api_version tests/unit_backing
