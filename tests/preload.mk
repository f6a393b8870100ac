# tests/preload.mk: tests of libweir-malloc.so and `weir run`.

script_tests += tests/preload.sh tests/preload_programs.sh tests/programs.sh tests/run.sh
EXTRA_DIST += tests/preload_calls.c tests/preload_life.c tests/preload_sandbox.c \
	tests/preload_silent.c tests/preload_plugin.cc

# Programs that nobody wrote for weir: what they need of the loader, of exec, of C++.
script_tests += tests/guest_load.sh tests/guest_new.sh tests/guest_sigchld.sh \
	tests/guest_children.sh tests/guest_scripts.sh tests/guest_owner.sh tests/guest_lib.sh
EXTRA_DIST += tests/guest_functions tests/guest_load.c tests/guest_new.cc tests/guest_exec.c
