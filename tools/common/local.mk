# tools/common: what every command is made with. Knows no command.

noinst_LTLIBRARIES += libweir-tools.la
libweir_tools_la_CFLAGS = $(AM_CFLAGS)
libweir_tools_la_SOURCES = tools/common/memory.c tools/common/memory.h \
	tools/common/table.c tools/common/table.h tools/common/text.c tools/common/text.h
