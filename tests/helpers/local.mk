# tests/helpers: what tests share, and programs that scripts run.

noinst_HEADERS += tests/helpers/calls_blocks.h \
	tests/helpers/calls_objects.h \
	tests/helpers/calls_plans.h \
	tests/helpers/calls_watching.h \
	tests/helpers/context.h \
	tests/helpers/core.h \
	tests/helpers/cxx.h \
	tests/helpers/failing.h \
	tests/helpers/harness.h \
	tests/helpers/object.h \
	tests/helpers/promise.h \
	tests/helpers/recording.h \
	tests/helpers/refusing.h \
	tests/helpers/scene.h \
	tests/helpers/scratch.h \
	tests/helpers/self.h \
	tests/helpers/stress.h \
	tests/helpers/suite.h \
	tests/helpers/system.h \
	tests/helpers/trace_writer.h
EXTRA_DIST += tests/helpers/expect.sh \
	tests/helpers/installed.sh \
	tests/helpers/tap.sh
# The examples against a reference of their own.
check_PROGRAMS += tests/helpers/conv2d_reference
# Made and run by tests/scripts/ort.sh, once it has the runtime.
EXTRA_PROGRAMS += tests/helpers/ort_adapter
tests_helpers_conv2d_reference_LDADD = -lm
tests_helpers_ort_adapter_CFLAGS = $(onnxruntime_adapter_cflags)
tests_helpers_ort_adapter_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(ORT_CFLAGS)
tests_helpers_ort_adapter_LDADD = libweir.la $(weir_jemalloc_lib) -ldl -lpthread
tests_helpers_ort_adapter_SOURCES = tests/helpers/ort_adapter.c $(ort_model_sources)
