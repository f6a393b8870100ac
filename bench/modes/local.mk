# bench/modes: `weir bench`, one file a mode.

weir_SOURCES += bench/modes/command.c bench/modes/options.h bench/modes/accounting.c \
	bench/modes/goals.c bench/modes/goals.h bench/modes/groups.c bench/modes/groups.h \
	bench/modes/hardening.c bench/modes/mode.c bench/modes/mode.h bench/modes/peers.c bench/modes/replay.c \
	bench/modes/rows.c bench/modes/rows.h bench/modes/scaling.c bench/modes/summary.c \
	bench/modes/summary.h bench/modes/tables.c bench/modes/tables.h
