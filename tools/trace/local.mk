# tools/trace: the reader of traces, a library for the commands and the tests.

EXTRA_LTLIBRARIES += libweir-trace.la # with the programs that need it
libweir_trace_la_CFLAGS = $(AM_CFLAGS)
libweir_trace_la_SOURCES = tools/trace/binary.c tools/trace/binary.h tools/trace/blocks.c \
	tools/trace/blocks.h tools/trace/cursor.h tools/trace/decode.c tools/trace/decode.h \
	tools/trace/groups.c tools/trace/groups.h tools/trace/info.c tools/trace/info.h \
	tools/trace/load.c tools/trace/load.h tools/trace/merge.c tools/trace/merge.h \
	tools/trace/pack.c tools/trace/pack.h \
	tools/trace/records.c tools/trace/records.h tools/trace/replay.c tools/trace/replay.h \
	src/base/pointer_map.c src/base/pointer_map.h src/observe/crc32.c src/observe/crc32.h \
	src/observe/format.h
libweir_trace_la_LIBADD = libweir-tools.la $(ZLIB_LIBS)
