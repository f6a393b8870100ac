# src/observe: figures printed, profiler, leaks, recorder.

weir_core_sources += src/observe/environment.c src/observe/environment.h \
	src/observe/estimate.c src/observe/estimate.h src/observe/explain.c src/observe/explain.h src/observe/frame.c src/observe/frame.h src/observe/library.c src/observe/library.h src/observe/bytes.h src/observe/crc32.c src/observe/crc32.h \
	src/observe/family.c src/observe/family.h src/observe/figures.h src/observe/format.h src/observe/guards.c src/observe/guards.h src/observe/holders.c src/observe/holders.h src/observe/leaks.c \
	src/observe/openmetrics.c src/observe/process.c src/observe/process.h src/observe/profile.c src/observe/ranking.c src/observe/ranking.h src/observe/sink.c src/observe/sink.h \
	src/observe/event.c src/observe/event.h src/observe/jit_map.c src/observe/jit_map.h src/observe/jit_names.c src/observe/jit_names.h src/observe/mapping.c src/observe/mapping.h src/observe/modules.c src/observe/modules.h \
	src/observe/stacks.c src/observe/stacks.h src/observe/pprof.c src/observe/pprof.h src/observe/pprof_fields.h src/observe/samples.c src/observe/samples.h src/observe/sampling.c src/observe/sampling.h \
	src/observe/sites.c src/observe/sites.h src/observe/snapshot.c src/observe/snapshot.h src/observe/stats.c src/observe/stream.c src/observe/stream.h src/observe/symbol.c src/observe/symbol.h src/observe/ticks.h \
	src/observe/mark.c src/observe/recorder.c src/observe/recorder.h src/observe/recorder_process.c \
	src/observe/run_attach.c src/observe/run_attach.h src/observe/run_page.h src/observe/trace_file.c src/observe/trace_file.h \
	src/observe/trace_frame.c src/observe/trace_frame.h src/observe/trace_names.c src/observe/trace_ring.c src/observe/trace_sink.h \
	src/observe/trace_names.h

pkginclude_HEADERS += include/weir/guards.h include/weir/profile.h include/weir/stats.h include/weir/trace.h
