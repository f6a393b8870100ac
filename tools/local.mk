# tools: the `weir` command. A command is a room of its own and a line in tools/weir.c.

if TOOLS
bin_PROGRAMS += weir
endif
weir_SOURCES = tools/weir.c tools/command.h
weir_LDADD = libweir-report.la libweir-trace.la libweir-tools.la libweir.la $(weir_jemalloc_lib) $(ZLIB_LIBS) $(MICROHTTPD_LIBS) -lpthread -lm
weir_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_PKGLIBDIR='"$(pkglibdir)"' \
	-DWEIR_DATA_DIR='"$(pkgdatadir)"'

# Tables of options, loads and views leave out what is 0.
weir_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS) -Wno-missing-field-initializers

# Each command's page; what --help says stands in it (docs/man/update).
if TOOLS
dist_man_MANS += docs/man/weir.1 docs/man/weir-run.1 docs/man/weir-bench.1 docs/man/weir-plan.1 \
	docs/man/weir-trace.1 docs/man/weir-stats.1 docs/man/weir-top.1 docs/man/weir-device.1
# What a shell completes, it asks the command's --help for.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = tools/completion/weir
endif
man-pages: weir
	$(SHELL) $(top_srcdir)/docs/man/update ./weir
.PHONY: man-pages
EXTRA_DIST += docs/man/update docs/man/options.awk
