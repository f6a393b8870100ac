# tools: the `weir` command. A command is tools/cmd_NAME.c and a line in tools/weir.c.

bin_PROGRAMS += weir
weir_SOURCES = tools/weir.c tools/command.h tools/trace_load.h tools/trace_load.c \
	$(bench_sources)
weir_LDADD = libweir.la $(weir_jemalloc_lib) $(ZLIB_LIBS) -lpthread -lm
weir_SOURCES += tools/cmd_run.c tools/run.h tools/run_check.c tools/run_report.c
weir_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_PKGLIBDIR='"$(pkglibdir)"' \
	-DWEIR_DATA_DIR='"$(pkgdatadir)"' -DWEIR_SOURCE_DIR='"$(abs_top_srcdir)"'

bench_sources = tools/bench_accounting.c tools/bench_job.c tools/bench_job.h \
	tools/bench_json.c tools/bench_json.h tools/bench_load.h tools/bench_measure.c \
	tools/bench_more.c tools/bench_options.h tools/bench_peers.c tools/bench_peers.h \
	tools/bench_pictures.c tools/bench_pictures.h tools/bench_replay.c tools/bench_run.c \
	tools/bench_run.h tools/bench_table.c tools/bench_table.h tools/bench_targets.c \
	tools/bench_targets.h tools/bench_worker.c tools/bench_worker.h tools/cmd_bench.c \
	tools/svg.c tools/svg.h $(bench_loads)

# -- weir plan --
weir_SOURCES += tools/cmd_plan.c tools/plan_rows.h tools/plan_csv.c tools/plan_svg.c tools/plan_trace.c
