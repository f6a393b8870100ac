# tools/stats: `weir stats`.

weir_SOURCES += tools/stats/command.c tools/stats/devices.c tools/stats/devices.h
