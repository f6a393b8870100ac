# src/track: exact figures and the ledger of foreign blocks.

weir_core_sources += src/track/meter.c src/track/meter.h src/track/meter_internal.h \
	src/track/window.c src/track/shared.c src/track/fences.c src/track/figures.c src/track/freed.c src/track/freed.h src/track/registry.c \
	src/track/registry.h src/track/shown.c src/track/shown.h src/track/window.h \
	src/track/trace_hook.c src/track/trace_hook.h
