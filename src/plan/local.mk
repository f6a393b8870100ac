# src/plan: the static planner.

pkginclude_HEADERS += include/weir/plan.h

weir_core_sources += src/plan/memory.c src/plan/bound.c src/plan/cache.c src/plan/classic.c \
	src/plan/classic.h src/plan/descend.c src/plan/execute.c src/plan/execute.h src/plan/fit.c src/plan/fit.h src/plan/floor.c \
	src/plan/floor.h src/plan/orders.c src/plan/orders.h src/plan/perfect.c src/plan/perfect.h \
	src/plan/planarity.c src/plan/planarity.h src/plan/plan.c src/plan/plan.h \
	src/plan/problem.h src/plan/profiles.c src/plan/ranges.c src/plan/ranges.h src/plan/record.c src/plan/reduce.c src/plan/repair.c src/plan/replay.c \
	src/plan/search.c src/plan/search.h src/plan/skyline.c src/plan/skyline.h src/plan/solve.c \
	src/plan/tools.c src/plan/verify.c

