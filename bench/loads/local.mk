# bench/loads: one file a load of `weir bench`.

weir_SOURCES += bench/loads/burst.c bench/loads/churn.c bench/loads/circle.c bench/loads/contexts.c \
	bench/loads/design.c bench/loads/growth.c bench/loads/handoff.c bench/loads/idle.c \
	bench/loads/mix.c bench/loads/pairs.c bench/loads/probe.c bench/loads/ramp.c bench/loads/replaced.c \
	bench/loads/service.c bench/loads/snapshot.c bench/loads/strings.c \
	bench/loads/swap.c bench/loads/trace.c bench/loads/zero.c
