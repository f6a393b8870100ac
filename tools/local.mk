# tools: the `weir` command. A command is a room of its own and a line in tools/weir.c.

if TOOLS
bin_PROGRAMS += weir
endif
weir_SOURCES = tools/weir.c tools/command.h
weir_LDADD = libweir-report.la libweir-trace.la libweir-tools.la libweir.la $(weir_jemalloc_lib) $(ZLIB_LIBS) -lpthread -lm
weir_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_PKGLIBDIR='"$(pkglibdir)"' \
	-DWEIR_DATA_DIR='"$(pkgdatadir)"'

# Tables of options, loads and views leave out what is 0.
weir_CFLAGS = $(AM_CFLAGS) -Wno-missing-field-initializers

dist_man_MANS += docs/weir.1
