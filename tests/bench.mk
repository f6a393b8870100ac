# tests of bench: see tests/local.mk for what a line says.

criterion_tests += tests/unit_trace_load tests/unit_svg
tests_unit_trace_load_LDADD = libweir-trace.la $(CRITERION_LIBS) $(ZLIB_LIBS)
tests_unit_svg_SOURCES = tests/unit_svg.c bench/harness/svg.c
tests_unit_svg_LDADD = $(CRITERION_LIBS) -lm

script_tests += tests/bench.sh tests/bench_peers.sh tests/bench_programs.sh
EXTRA_DIST += tests/expect.sh
