weir_core_sources += src/base/error.c src/base/error.h src/base/trace_hook.c src/base/trace_hook.h src/base/version.c
