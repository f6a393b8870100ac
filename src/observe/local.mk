# src/observe: figures printed, profiler, leaks, recorder.

weir_core_sources += src/observe/figures.h src/observe/holders.c src/observe/leaks.c \
	src/observe/openmetrics.c src/observe/profile.c src/observe/sink.c src/observe/sink.h \
	src/observe/snapshot.c src/observe/snapshot.h src/observe/stats.c

pkginclude_HEADERS += include/weir/profile.h include/weir/stats.h
