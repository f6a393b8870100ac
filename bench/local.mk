# bench: the recorded traces, which are installed, and benchmarks that are no part of `weir bench`.

tracesdir = $(pkgdatadir)/traces
dist_traces_DATA = \
	bench/traces/libtorch-lstm2x256.trace.gz \
	bench/traces/libtorch-resnet18.trace.gz \
	bench/traces/llamacpp-tiny-random.trace.gz \
	bench/traces/opencv-darknet19.trace.gz \
	bench/traces/opencv-ppocr-cls-static.trace.gz \
	bench/traces/ort-ppocr-cls-nopattern.trace.gz \
	bench/traces/ort-ppocr-det-mempattern.trace.gz \
	bench/traces/ort-ppocr-rec-mempattern.trace.gz \
	bench/traces/ort-ppocr-rec-nopattern.trace.gz \
	bench/traces/ort-silero-vad-mempattern.trace.gz \
	bench/traces/ort-silero-vad-nopattern-32steps.trace.gz \
	bench/traces/ort-speech-embedding-nopattern.trace.gz \
	bench/traces/xnnpack-mobilenetv2-2threads.trace.gz \
	bench/traces/xnnpack-mobilenetv2.trace.gz
EXTRA_DIST += bench/traces/README.md


# The links that configure and `make results` made, where they are some.
distclean-local:
	-test ! -L bench/traces || rm -f bench/traces
	-test ! -L bench/plans || rm -f bench/plans

# What exactness costs: against a library of the same source that counts nothing.
bench-accounting: all check-source
	$(AM_V_at)mkdir -p check-build-untracked
	$(AM_V_at)test -f check-build-untracked/config.status || (cd check-build-untracked && \
		../check-source/configure -q --disable-accounting --without-criterion CC='$(CC)' CFLAGS='$(CFLAGS)' >/dev/null)
	$(AM_V_at)$(MAKE) -C check-build-untracked -s libweir.la $(weir_jemalloc_lib) >/dev/null
	./weir bench --baseline check-build-untracked/.libs $(BENCH_FLAGS)

# Runs what the pages of docs/results say and writes the output there: `make results RESULTS=planner` one of them.
RESULTS = performance
results: all
	$(AM_V_at)$(MKDIR_P) bench && { test -e bench/plans || $(LN_S) $(abs_top_srcdir)/bench/plans bench/plans; }
	$(SHELL) $(top_srcdir)/bench/figures.sh $(RESULTS:%=$(top_srcdir)/docs/results/%.md)
performance: all
	$(MAKE) $(AM_MAKEFLAGS) results RESULTS=performance

EXTRA_DIST += bench/figures.sh bench/plot.py bench/plan_parts.py

# What one meter lock for the process costs roots that share nothing (docs/internals/watermark.md).
EXTRA_PROGRAMS += bench/meter_lock
bench_meter_lock_SOURCES = bench/meter_lock.c bench/harness/measure.c
bench_meter_lock_LDADD = libweir-tools.la libweir.la $(weir_jemalloc_lib) -lpthread
bench-meter-lock: bench/meter_lock
	bench/meter_lock

# Blocks that change threads, under libweir-malloc.so too, or another: PRELOAD=file (docs/internals/performance.md).
PRELOAD = .libs/libweir-malloc.so
bench-shared-lines: all
	./weir bench --peers --peer preloaded=$(PRELOAD) --only hand-off $(BENCH_FLAGS)
	./weir bench --peers --peer preloaded=$(PRELOAD) --only replaced $(BENCH_FLAGS)

.PHONY: distclean-local bench-accounting bench-meter-lock bench-shared-lines performance results
