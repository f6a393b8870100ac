# tools/stats: `weir stats`.

weir_SOURCES += tools/stats/command.c tools/stats/devices.c tools/stats/devices.h \
	tools/stats/process.c tools/stats/process.h src/observe/run_attach.c src/observe/run_attach.h
