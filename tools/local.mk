# tools: the `weir` command. A command is tools/cmd_NAME.c and a line in tools/weir.c.

bin_PROGRAMS += weir
weir_SOURCES = tools/weir.c tools/command.h tools/trace_load.h tools/trace_load.c
weir_LDADD = libweir.la $(weir_jemalloc_lib) $(ZLIB_LIBS) -lpthread -lm

# -- weir plan --
weir_SOURCES += tools/cmd_plan.c tools/plan_rows.h tools/plan_csv.c tools/plan_svg.c tools/plan_trace.c
