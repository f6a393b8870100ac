# tests/scripts: what is seen from a shell: commands, installations, documents, the tree itself.

script_tests += tests/scripts/abi.sh \
	tests/scripts/adapters_outside.sh \
	tests/scripts/attributes.sh \
	tests/scripts/bench_programs.sh \
	tests/scripts/by_name.sh \
	tests/scripts/callgrind.sh \
	tests/scripts/conv2d.sh \
	tests/scripts/ctypes.sh \
	tests/scripts/cuda_fake.sh \
	tests/scripts/dlpack_numpy.sh \
	tests/scripts/docs.sh \
	tests/scripts/docs_outside.sh \
	tests/scripts/environment.sh \
	tests/scripts/examples.sh \
	tests/scripts/examples_outside.sh \
	tests/scripts/exports.sh \
	tests/scripts/functions.sh \
	tests/scripts/harness.sh \
	tests/scripts/install_hint.sh \
	tests/scripts/layers.sh \
	tests/scripts/limits.sh \
	tests/scripts/memory_tools.sh \
	tests/scripts/nouns.sh \
	tests/scripts/old_names.sh \
	tests/scripts/ort.sh \
	tests/scripts/outside.sh \
	tests/scripts/outside_cmake.sh \
	tests/scripts/platform.sh \
	tests/scripts/python.sh \
	tests/scripts/runner.sh \
	tests/scripts/runtimes.sh \
	tests/scripts/sample.sh \
	tests/scripts/unwind.sh \
	tests/scripts/xnnpack.sh
EXTRA_DIST += tests/scripts/dlpack_numpy.py \
	tests/scripts/metrics.py \
	tests/scripts/metrics_clients.py \
	tests/scripts/symbols/compare.py \
	tests/scripts/symbols/program.cc \
	tests/scripts/guide.awk \
	tests/scripts/nouns.awk \
	tests/scripts/report_browser.py \
	tests/scripts/trace_reader.py
weir_script_tests += tests/scripts/bench.sh \
	tests/scripts/marks.sh \
	tests/scripts/own_heap.sh \
	tests/scripts/bench_peers.sh \
	tests/scripts/command.sh \
	tests/scripts/completion.sh \
	tests/scripts/guards.sh \
	tests/scripts/guards_guests.sh \
	tests/scripts/guide.sh \
	tests/scripts/hardened.sh \
	tests/scripts/metrics.sh \
	tests/scripts/metrics_clients.sh \
	tests/scripts/plan.sh \
	tests/scripts/preload.sh \
	tests/scripts/preload_programs.sh \
	tests/scripts/programs.sh \
	tests/scripts/run.sh \
	tests/scripts/run_slow.sh \
	tests/scripts/stacks.sh \
	tests/scripts/stats_device.sh \
	tests/scripts/report.sh \
	tests/scripts/report_browser.sh \
	tests/scripts/symbols.sh \
	tests/scripts/trace.sh

if !HAVE_CXX
EXTRA_DIST += tests/scripts/cxx_compilers.sh \
	tests/scripts/cxx_variants.sh
endif

if HAVE_CXX
script_tests += tests/scripts/cxx_compilers.sh \
	tests/scripts/cxx_variants.sh
endif

# What platform.sh, attributes.sh and memory_tools.sh compile.
EXTRA_DIST += tests/scripts/platform/atfork.c \
	tests/scripts/platform/atfork_early.c \
	tests/scripts/platform/grow.c \
	tests/scripts/platform/keys.c \
	tests/scripts/platform/limits.c \
	tests/scripts/platform/locked.c \
	tests/scripts/platform/purge.c \
	tests/scripts/platform/reclaim.c \
	tests/scripts/platform/shim.c \
	tests/scripts/platform/space.c \
	tests/scripts/platform/sparse.c \
	tests/scripts/platform/stall.c \
	tests/scripts/platform/take.h \
	tests/scripts/attributes/mistakes.c \
	tests/scripts/attributes/right.c \
	tests/scripts/memory_tools/program.c
