# tools/run: `weir run`. Its looking part, without command, program and shared memory, is
# fuzz/run.c's, too.

run_looking_sources = tools/run/run.h tools/run/watch.c tools/run/chunks.c tools/run/process.c \
	$(shown_sources) tools/run/names.c tools/run/record.c tools/run/records.c tools/run/report.c tools/run/json.c \
	src/observe/crc32.c src/observe/crc32.h src/observe/jit_map.c src/observe/jit_map.h src/observe/trace_frame.c src/observe/trace_frame.h

# What a scraper is told of it.
run_metrics_sources = tools/run/metrics.c src/observe/family.c src/observe/family.h src/observe/sink.c src/observe/sink.h

weir_SOURCES += tools/run/command.c tools/run/check.c tools/run/memory.c tools/run/page.c tools/run/page.h tools/run/program.c \
	tools/run/serve.c $(run_metrics_sources) \
	$(run_looking_sources) $(program_file_sources)
# `weir top` asks an address, too.
if WITH_METRICS
weir_SOURCES += $(serve_sources)
else
weir_SOURCES += src/serve/address.c src/serve/address.h
endif
