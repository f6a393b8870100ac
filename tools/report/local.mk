# tools/report: what a trace says, computed once; a library for the command and the tests.

EXTRA_LTLIBRARIES += libweir-report.la # with the programs that need it
libweir_report_la_CFLAGS = $(AM_CFLAGS) -Wno-missing-field-initializers
libweir_report_la_SOURCES = tools/report/against.c tools/report/against.h tools/report/analysis.c \
	tools/report/analysis.h tools/report/columns.c tools/report/columns.h tools/report/data.c \
	tools/report/data.h tools/report/frames.c tools/report/frames.h tools/report/holders.c \
	tools/report/holders.h tools/report/keys.c tools/report/keys.h tools/report/lines.c \
	tools/report/lines.h tools/report/pass.c tools/report/pass.h tools/report/runs.c \
	tools/report/runs.h tools/report/sites.c tools/report/sites.h
libweir_report_la_LIBADD = libweir-trace.la
