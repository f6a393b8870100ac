# tests of bench: see tests/local.mk for what a line says.

if TOOLS
criterion_tests += tests/unit_trace_load
endif
tests_unit_trace_load_LDADD = libweir-trace.la $(CRITERION_LIBS) $(ZLIB_LIBS)

script_tests += tests/bench_programs.sh
weir_script_tests += tests/bench.sh tests/bench_peers.sh
EXTRA_DIST += tests/expect.sh
