# tools: the `weir` command. A command is a room of its own and a line in tools/weir.c.

bin_PROGRAMS += weir
weir_SOURCES = tools/weir.c tools/command.h
weir_LDADD = libweir-trace.la libweir-tools.la libweir.la $(weir_jemalloc_lib) $(ZLIB_LIBS) -lpthread -lm
weir_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_PKGLIBDIR='"$(pkglibdir)"' \
	-DWEIR_DATA_DIR='"$(pkgdatadir)"'

dist_man_MANS += docs/weir.1
