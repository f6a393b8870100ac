# tools/device: `weir device`.

weir_SOURCES += tools/device/command.c tools/device/bench.c tools/device/bench.h
