# tests/preload.mk: tests of libweir-malloc.so and `weir run`.

script_tests += tests/preload.sh tests/preload_programs.sh tests/programs.sh tests/run.sh
EXTRA_DIST += tests/preload_calls.c tests/preload_life.c tests/preload_plugin.cc
