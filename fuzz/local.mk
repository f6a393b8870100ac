# fuzz: inputs that nobody wrote. A target is a function of bytes (fuzz/target.h). `make check` runs it under a
# plain driver, on its seeds and on inputs made of them; `make fuzz` under clang's fuzzer.

if TOOLS
plain_tests += fuzz/api fuzz/csv fuzz/planner fuzz/run fuzz/symbols fuzz/trace_binary fuzz/trace_text
endif

if WITH_METRICS
plain_tests += fuzz/http
fuzz_http_target = http
fuzz_http_sources = $(serve_sources)
endif

fuzz_driver = fuzz/driver.c fuzz/target.h

# Any calls, against a model.
fuzz_api_SOURCES = fuzz/api.c $(fuzz_driver)
fuzz_api_LDADD = $(plain_ldadd)

# The reader of tables.
fuzz_csv_SOURCES = fuzz/csv.c $(fuzz_driver) tools/plan/csv.c tools/plan/rows.h
fuzz_csv_LDADD = libweir-tools.la $(plain_ldadd) $(ZLIB_LIBS)

# The HTTP server, and clients that say anything.
fuzz_http_SOURCES = fuzz/http.c $(fuzz_driver) $(serve_sources)
fuzz_http_LDADD = $(MICROHTTPD_LIBS)

fuzz_planner_SOURCES = fuzz/planner.c $(fuzz_driver)
fuzz_planner_LDADD = $(plain_ldadd)

# The readers of traces.
fuzz_trace_headers = fuzz/memory_file.h fuzz/trace_check.h
fuzz_trace_binary_SOURCES = fuzz/trace_binary.c $(fuzz_trace_headers) $(fuzz_driver)
fuzz_trace_binary_LDADD = libweir-trace.la
fuzz_trace_text_SOURCES = fuzz/trace_text.c $(fuzz_trace_headers) $(fuzz_driver)
fuzz_trace_text_LDADD = libweir-trace.la

# `weir run` on a memory full of nonsense, and what a scraper is told of it; it makes its inputs itself.
fuzz_run_SOURCES = fuzz/run.c fuzz/target.h fuzz/exposition_check.h fuzz/run_driver.c $(run_looking_sources) \
	$(run_metrics_sources) src/base/version.c
fuzz_run_LDADD = libweir-tools.la -lpthread

# The reader of ELF files, on its own file, cut and changed.
fuzz_symbols_SOURCES = fuzz/symbols.c fuzz/target.h fuzz/symbols_driver.c $(symbols_image_sources)
fuzz_symbols_LDADD =

# All of them under libFuzzer with ASan and UBSan, each for FUZZ_SECONDS. What they find lies in fuzz-found,
# TARGET-crash-..., and is an argument for the plain program: fuzz/TARGET FILE.
FUZZ_SECONDS = 60
FUZZ_TARGETS = api csv $(fuzz_http_target) planner run symbols trace_binary trace_text
fuzz_engine_sources = $(filter %.c,$(weir_core_sources) $(libweir_trace_la_SOURCES) $(libweir_tools_la_SOURCES) \
	tools/plan/csv.c $(run_looking_sources) $(run_metrics_sources) $(symbols_image_sources) $(fuzz_http_sources))
fuzz:
	$(timed) env CLANG='$(CLANG)' top_srcdir='$(abs_top_srcdir)' seconds='$(FUZZ_SECONDS)' \
		targets='$(FUZZ_TARGETS)' microhttpd='$(MICROHTTPD_CFLAGS) $(MICROHTTPD_LIBS)' run_sources='$(filter %.c,$(run_looking_sources))' \
		$(SHELL) '$(abs_top_srcdir)/fuzz/engine' $(fuzz_engine_sources)
.PHONY: fuzz

EXTRA_DIST += fuzz/engine fuzz/seeds
