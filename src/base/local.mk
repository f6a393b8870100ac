weir_core_sources += src/base/error.c src/base/error.h src/base/version.c
