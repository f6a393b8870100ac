# tests/preload.mk: tests of libweir-malloc.so and `weir run`.

weir_script_tests += tests/preload.sh tests/preload_programs.sh tests/programs.sh tests/run.sh \
	tests/run_slow.sh tests/guest_load.sh tests/guest_new.sh tests/guest_sigchld.sh \
	tests/guest_children.sh tests/guest_scripts.sh tests/guest_owner.sh tests/guest_lib.sh
EXTRA_DIST += tests/preload_calls.c tests/preload_life.c tests/preload_sandbox.c \
	tests/preload_silent.c tests/preload_plugin.cc

# The loops that tests/test_callgrind.sh counts and bench/run_programs.py times.
check_PROGRAMS += tests/preload_pairs
tests_preload_pairs_CFLAGS = $(AM_CFLAGS) -fno-builtin

# Programs that nobody wrote for weir: what they need of the loader, of exec, of C++.
EXTRA_DIST += tests/guest_functions tests/guest_load.c tests/guest_new.cc tests/guest_exec.c

# The figures after a kill; kill-figures: some hundred kills.
if TOOLS
plain_tests += tests/kill_figures tests/fuzz_run
endif
tests_kill_figures_LDADD = -lpthread
KILLS = 20
kill-figures: all tests/kill_figures$(EXEEXT)
	top_builddir='$(abs_top_builddir)' tests/kill_figures$(EXEEXT) $(KILLS)
.PHONY: kill-figures

# `weir run` on a memory full of nonsense, under a driver of its own; fuzz-run is the same under
# clang's fuzzer, for FUZZ_SECONDS. What it finds lies in fuzz-run.found.
tests_fuzz_run_SOURCES = fuzz/run.c fuzz/run.h fuzz/run_driver.c $(run_looking_sources)
tests_fuzz_run_LDADD = libweir-tools.la -lpthread
EXTRA_DIST += fuzz/seeds

FUZZ_SECONDS = 300
fuzz-run:
	$(MKDIR_P) fuzz-run.found
	clang -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-include config.h -I$(top_srcdir)/src -I$(top_builddir)/include -I$(top_srcdir)/include \
		-I$(top_srcdir) -o fuzz-run.found/run $(top_srcdir)/fuzz/run.c \
		$(filter %.c,$(run_looking_sources:%=$(top_srcdir)/%) $(libweir_tools_la_SOURCES:%=$(top_srcdir)/%)) -lz -lm -lpthread
	$(MKDIR_P) fuzz-run.found/corpus
	fuzz-run.found/run -max_total_time=$(FUZZ_SECONDS) -max_len=1500 -len_control=0 -timeout=20 \
		-rss_limit_mb=1500 -artifact_prefix="$$PWD/fuzz-run.found/" \
		"$$PWD/fuzz-run.found/corpus" '$(abs_top_srcdir)/fuzz/seeds/run'
.PHONY: fuzz-run
