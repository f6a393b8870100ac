# tools/report: what a trace says, computed once; a library for the commands and the tests; and
# `weir trace`.

EXTRA_LTLIBRARIES += libweir-report.la # with the programs that need it
libweir_report_la_CFLAGS = $(AM_CFLAGS) -Wno-missing-field-initializers -Wno-overlength-strings
libweir_report_la_SOURCES = tools/report/against.c tools/report/against.h tools/report/analysis.c \
	tools/report/analysis.h tools/report/bill.c tools/report/bill.h tools/report/columns.c \
	tools/report/columns.h tools/report/data.c tools/report/data.h tools/report/export.c tools/report/export.h \
	tools/report/folded.c tools/report/folded.h tools/report/frames.c \
	tools/report/frames.h tools/report/holders.c tools/report/holders.h tools/report/icicle.c \
	tools/report/icicle.h tools/report/keys.c tools/report/keys.h tools/report/lines.c \
	tools/report/lines.h tools/report/mappings.c tools/report/mappings.h tools/report/namer.c tools/report/namer.h tools/report/packed.c \
	tools/report/packed.h tools/report/page.c tools/report/page.h tools/report/page_data.c \
	tools/report/page_data.h tools/report/pass.c tools/report/pass.h tools/report/perfetto.c \
	tools/report/perfetto.h tools/report/pprof.c tools/report/pprof.h tools/report/protobuf.c \
	tools/report/protobuf.h tools/report/runs.c \
	tools/report/runs.h tools/report/sections.c tools/report/sections.h tools/report/sites.c \
	tools/report/sites.h tools/report/strip.c tools/report/strip.h
nodist_libweir_report_la_SOURCES = tools/report/page_parts.c
libweir_report_la_LIBADD = libweir-symbols.la libweir-trace.la

weir_SOURCES += tools/report/command.c tools/report/summary.c tools/report/summary.h

# The page's script and style as strings.
EXTRA_DIST += tools/report/embed.sh tools/report/page.css tools/report/page.js
CLEANFILES += tools/report/page_parts.c
tools/report/page_parts.c: tools/report/embed.sh tools/report/page.css tools/report/page.js
	$(AM_V_GEN)$(MKDIR_P) tools/report && $(SHELL) $(srcdir)/tools/report/embed.sh \
		$(srcdir)/tools/report/page.js $(srcdir)/tools/report/page.css >$@.tmp && mv $@.tmp $@
