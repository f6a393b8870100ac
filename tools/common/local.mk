# tools/common: what every command is made with. Knows no command.

EXTRA_LTLIBRARIES += libweir-tools.la # with the programs that need it
libweir_tools_la_CFLAGS = $(AM_CFLAGS)
libweir_tools_la_SOURCES = tools/common/file.c tools/common/file.h tools/common/json.c tools/common/json.h \
	tools/common/markup.c tools/common/markup.h \
	tools/common/memory.c tools/common/memory.h tools/common/number.c tools/common/number.h \
	tools/common/options.c tools/common/options.h tools/common/statistics.c \
	tools/common/statistics.h tools/common/table.c tools/common/table.h tools/common/text.c \
	tools/common/text.h tools/common/time.h
libweir_tools_la_LIBADD = $(ZLIB_LIBS) -lm
