# tools/plan: `weir plan`.

weir_SOURCES += tools/plan/command.c tools/plan/rows.h tools/plan/csv.c tools/plan/generate.c \
	tools/plan/page.c tools/plan/picture.c tools/plan/trace.c
