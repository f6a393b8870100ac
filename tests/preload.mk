# tests/preload.mk: tests of libweir-malloc.so and `weir run`.

script_tests += tests/preload.sh tests/preload_programs.sh tests/run.sh
EXTRA_DIST += tests/preload_calls.c tests/preload_life.c tests/preload_sandbox.c tests/preload_silent.c tests/preload_plugin.cc
