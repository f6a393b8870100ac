# fuzz: inputs that nobody wrote. Each target has a driver of its own, which `make check` runs over the seeds,
# and is a target of libFuzzer too.

if TOOLS
plain_tests += fuzz/plan fuzz/run
endif

# The reader of tables and the solver; fuzz/plan.c says how to build it for libFuzzer.
fuzz_plan_SOURCES = fuzz/plan.c fuzz/plan.h fuzz/plan_driver.c tools/plan/csv.c tools/plan/rows.h
fuzz_plan_LDADD = libweir-tools.la $(plain_ldadd) $(ZLIB_LIBS)

# `weir run` on a memory full of nonsense.
fuzz_run_SOURCES = fuzz/run.c fuzz/run.h fuzz/run_driver.c $(run_looking_sources)
fuzz_run_LDADD = libweir-tools.la -lpthread
EXTRA_DIST += fuzz/seeds

# The same under clang's fuzzer, for FUZZ_SECONDS. What it finds lies in fuzz-run.found.
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
