# bench/harness: runs loads in processes of their own, and keeps their figures.

weir_SOURCES += bench/harness/figures.c bench/harness/figures.h bench/harness/job.c \
	bench/harness/job.h bench/harness/json.c bench/harness/json.h bench/harness/load.h \
	bench/harness/measure.c bench/harness/noise.c bench/harness/noise.h bench/harness/run.c \
	bench/harness/run.h bench/harness/targets.c bench/harness/targets.h \
	bench/harness/worker.c bench/harness/worker.h
