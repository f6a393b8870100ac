# src/track: exact figures and the ledger of foreign blocks; a sibling of src/pool.

weir_core_sources += src/track/count.h src/track/fences.c src/track/fences.h src/track/freed.c src/track/freed.h src/track/level.h src/track/meter.c \
	src/track/meter.h src/track/observer.c src/track/observer.h src/track/phase.c \
	src/track/phase.h src/track/reading.c src/track/reading.h src/track/registry.c \
	src/track/registry.h src/track/sample.c src/track/sample.h src/track/shared.c src/track/shared.h src/track/shown.c \
	src/track/shown.h src/track/soft.c src/track/soft.h src/track/spell.c src/track/spell.h src/track/trace_hook.c src/track/trace_hook.h src/track/traced.c \
	src/track/traced.h src/track/uncounted.h src/track/window.c src/track/window.h
