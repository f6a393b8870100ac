# src/plan: the static planner.

pkginclude_HEADERS += include/weir/plan.h

weir_core_sources += src/plan/bound.c src/plan/classic.c src/plan/classic.h src/plan/fit.c \
	src/plan/fit.h src/plan/orders.c src/plan/orders.h src/plan/plan.c src/plan/plan.h \
	src/plan/problem.h src/plan/reduce.c src/plan/search.c src/plan/search.h src/plan/floor.c src/plan/floor.h src/plan/descend.c src/plan/skyline.c src/plan/solve.c \
	src/plan/tools.c src/plan/verify.c
