# tools/symbols: names of addresses, a library for what shows stacks.

EXTRA_LTLIBRARIES += libweir-symbols.la # with the programs that need it
symbols_image_sources = tools/symbols/frames.c tools/symbols/frames.h tools/symbols/image.c \
	tools/symbols/image.h
libweir_symbols_la_CFLAGS = $(AM_CFLAGS) $(LIBDW_CFLAGS)
libweir_symbols_la_SOURCES = tools/symbols/demangle.c tools/symbols/demangle.h tools/symbols/lines.h \
	tools/symbols/mapped.c tools/symbols/mapped.h tools/symbols/module.c tools/symbols/module.h \
	tools/symbols/ranges.c tools/symbols/ranges.h tools/symbols/short.c tools/symbols/short.h \
	tools/symbols/symbols.c tools/symbols/symbols.h $(symbols_image_sources)
libweir_symbols_la_LIBADD = libweir-tools.la $(LIBDW_LIBS) $(DEMANGLE_LIBS)
if HAVE_LIBDW
libweir_symbols_la_SOURCES += tools/symbols/lines.c
else
libweir_symbols_la_SOURCES += tools/symbols/no_lines.c
endif
EXTRA_DIST += tools/symbols/lines.c tools/symbols/no_lines.c
