# tests of adapters: see tests/local.mk for what a line says.

if HAVE_XNNPACK
criterion_tests += tests/api_xnnpack
valgrind_tests += tests/api_xnnpack
tests_api_xnnpack_LDADD = $(api_ldadd) $(XNNPACK_LIBS) -lm
endif
script_tests += tests/xnnpack.sh

# Made and run by ort.sh, once it has the runtime.
script_tests += tests/ort.sh
EXTRA_PROGRAMS += tests/ort_adapter
tests_ort_adapter_SOURCES = tests/ort_adapter.c $(ort_model_sources)
tests_ort_adapter_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(ORT_CFLAGS)
tests_ort_adapter_CFLAGS = $(onnxruntime_adapter_cflags)
tests_ort_adapter_LDADD = libweir.la $(weir_jemalloc_lib) -ldl -lpthread

# libtorch and OpenCV, where they are installed; all adapters as installed.
script_tests += tests/runtimes.sh tests/adapters_outside.sh
EXTRA_DIST += tests/outside/xnnpack.c tests/outside/onnxruntime.c tests/outside/opencv.cc \
	tests/outside/torch.cc
