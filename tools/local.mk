# tools: the `weir` command. A command is tools/cmd_NAME.c and a line in tools/weir.c.

# Reads binary traces; for tests too.
trace_sources = tools/trace_binary.c tools/trace_binary.h tools/trace_blocks.c \
	tools/trace_blocks.h tools/trace_cursor.h \
	tools/trace_decode.c tools/trace_decode.h tools/trace_groups.c tools/trace_groups.h \
	tools/trace_info.c tools/trace_info.h tools/trace_merge.c tools/trace_merge.h \
	tools/trace_records.c tools/trace_records.h tools/numbers.c tools/numbers.h \
	tools/trace_replay.c tools/trace_replay.h tools/trace_report.c tools/trace_report.h \
	src/base/pointer_map.c src/base/pointer_map.h src/observe/crc32.c src/observe/crc32.h \
	src/observe/format.h

bin_PROGRAMS += weir
weir_SOURCES = tools/weir.c tools/command.h tools/trace_load.h tools/trace_load.c \
	$(bench_sources)
weir_SOURCES += $(trace_sources) tools/cmd_trace.c tools/cmd_stats.c
weir_LDADD = libweir.la $(weir_jemalloc_lib) $(ZLIB_LIBS) -lpthread -lm
weir_SOURCES += tools/cmd_run.c tools/run.h tools/run_check.c tools/run_chunks.c tools/run_figures.c tools/run_json.c \
	tools/run_memory.c tools/run_process.c tools/run_program.c tools/run_record.c tools/run_report.c tools/run_watch.c \
	src/observe/trace_frame.c src/observe/trace_frame.h \
	$(program_file_sources)
weir_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_PKGLIBDIR='"$(pkglibdir)"' \
	-DWEIR_DATA_DIR='"$(pkgdatadir)"'

bench_sources = tools/bench_accounting.c tools/bench_figures.c tools/bench_figures.h \
	tools/bench_goals.c tools/bench_goals.h tools/bench_groups.c tools/bench_groups.h \
	tools/bench_job.c tools/bench_job.h \
	tools/bench_json.c tools/bench_json.h tools/bench_load.h tools/bench_measure.c \
	tools/bench_more.c tools/bench_options.h tools/bench_peers.c \
	tools/bench_pictures.c tools/bench_pictures.h tools/bench_replay.c tools/bench_run.c \
	tools/bench_run.h tools/bench_summary.c tools/bench_summary.h \
	tools/bench_table.c tools/bench_table.h tools/bench_targets.c \
	tools/bench_targets.h tools/bench_wanted.c tools/bench_wanted.h \
	tools/bench_worker.c tools/bench_worker.h tools/cmd_bench.c \
	tools/svg.c tools/svg.h $(bench_loads)

# -- weir plan --
weir_SOURCES += tools/cmd_plan.c tools/plan_rows.h tools/plan_csv.c tools/plan_generate.c \
	tools/plan_svg.c tools/plan_trace.c

# -- weir device --
weir_SOURCES += tools/cmd_device.c tools/device_bench.c tools/device_bench.h
weir_SOURCES += tools/stats_devices.c tools/stats_devices.h

dist_man_MANS += docs/weir.1
