# adapters: other runtimes' hooks. An adapter is installed, with a .pc of its own,
# where configure found its runtime; its header is in include/weir/adapters.

adaptersincludedir = $(pkgincludedir)/adapters
adaptersinclude_HEADERS =
EXTRA_DIST += adapters/weir-xnnpack.pc.in adapters/weir-onnxruntime.pc.in \
	adapters/weir-torch.pc.in adapters/weir-opencv.pc.in scripts/fetch-ort

# -- XNNPACK: a header ---------------------------------------------------------------

if HAVE_XNNPACK
adaptersinclude_HEADERS += include/weir/adapters/xnnpack.h
pkgconfig_DATA += adapters/weir-xnnpack.pc
noinst_PROGRAMS += adapters/examples/xnnpack_mobilenet
adapters_examples_xnnpack_mobilenet_SOURCES = adapters/examples/xnnpack_mobilenet.c
adapters_examples_xnnpack_mobilenet_LDADD = libweir.la $(weir_jemalloc_lib) $(XNNPACK_LIBS) -lm
endif

# -- ONNX Runtime: a library of its own, which links no libonnxruntime ---------------

onnxruntime_adapter_sources = adapters/onnxruntime.c src/base/sized.c src/base/sized.h adapters/onnxruntime_throw.cc \
	adapters/onnxruntime_throw.h include/weir/adapters/onnxruntime.h
# An exception passes through the C of the adapter.
onnxruntime_adapter_cflags = $(AM_CFLAGS) -fexceptions

if HAVE_ONNXRUNTIME
adaptersinclude_HEADERS += include/weir/adapters/onnxruntime.h
pkgconfig_DATA += adapters/weir-onnxruntime.pc
lib_LTLIBRARIES += libweir-onnxruntime.la
libweir_onnxruntime_la_SOURCES = $(onnxruntime_adapter_sources)
libweir_onnxruntime_la_CPPFLAGS = $(AM_CPPFLAGS) $(ORT_CFLAGS)
libweir_onnxruntime_la_CFLAGS = $(onnxruntime_adapter_cflags) -fvisibility=hidden
libweir_onnxruntime_la_CXXFLAGS = $(AM_CXXFLAGS) -fvisibility=hidden
libweir_onnxruntime_la_LIBADD = libweir.la -ldl -lpthread
libweir_onnxruntime_la_LDFLAGS = $(AM_LDFLAGS) -version-info $(WEIR_LIBTOOL_VERSION) -no-undefined

noinst_PROGRAMS += adapters/examples/ort_run
endif

# Also where configure found no headers: tests/scripts/ort.sh fetches them and makes these
# with ORT_CFLAGS of its own. So they contain the adapter.
EXTRA_PROGRAMS += adapters/examples/ort_run
ort_model_sources = adapters/examples/ort_model.c adapters/examples/ort_model.h \
	$(onnxruntime_adapter_sources)
adapters_examples_ort_run_SOURCES = adapters/examples/ort_run.c adapters/examples/ort_plan.c \
	adapters/examples/ort_plan.h $(ort_model_sources)
adapters_examples_ort_run_CPPFLAGS = $(AM_CPPFLAGS) $(ORT_CFLAGS)
adapters_examples_ort_run_CFLAGS = $(onnxruntime_adapter_cflags)
adapters_examples_ort_run_LDADD = libweir.la $(weir_jemalloc_lib) -ldl -lpthread

# -- libtorch and OpenCV: headers ----------------------------------------------------

if HAVE_TORCH
adaptersinclude_HEADERS += include/weir/adapters/torch.hpp
pkgconfig_DATA += adapters/weir-torch.pc
endif

if HAVE_OPENCV
adaptersinclude_HEADERS += include/weir/adapters/opencv.hpp
pkgconfig_DATA += adapters/weir-opencv.pc
endif

# Made by tests/scripts/runtimes.sh, where the runtimes are: the compiler takes its time over
# libtorch's headers, which also trip our warnings.
EXTRA_PROGRAMS += adapters/examples/torch_resnet adapters/examples/opencv_darknet
adapters_examples_torch_resnet_SOURCES = adapters/examples/torch_resnet.cc \
	adapters/examples/compare.hpp include/weir/adapters/torch.hpp
adapters_examples_torch_resnet_CPPFLAGS = $(AM_CPPFLAGS) $(TORCH_CFLAGS)
adapters_examples_torch_resnet_CXXFLAGS = -std=gnu++17
adapters_examples_torch_resnet_LDADD = libweir.la $(weir_jemalloc_lib) $(TORCH_LIBS) -lpthread
adapters_examples_opencv_darknet_SOURCES = adapters/examples/opencv_darknet.cc \
	adapters/examples/compare.hpp include/weir/adapters/opencv.hpp
adapters_examples_opencv_darknet_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCV_CFLAGS)
adapters_examples_opencv_darknet_CXXFLAGS = -std=gnu++17
adapters_examples_opencv_darknet_LDADD = libweir.la $(weir_jemalloc_lib) $(OPENCV_LIBS) -lpthread

# -- ggml: no adapter (docs/runtimes.md), but its public headers take weir's blocks ---

EXTRA_PROGRAMS += adapters/examples/ggml_mlp
adapters_examples_ggml_mlp_SOURCES = adapters/examples/ggml_mlp.c
adapters_examples_ggml_mlp_CPPFLAGS = $(AM_CPPFLAGS) $(GGML_CFLAGS)
adapters_examples_ggml_mlp_LDADD = libweir.la $(weir_jemalloc_lib) $(GGML_LIBS) -lpthread
EXTRA_DIST += tests/scripts/ggml.sh

# Installs what is missing of the runtimes (apt, npm), then runs every adapter's test and
# prints the tables of docs/runtimes.md.
check-runtimes: all
	$(AM_TESTS_ENVIRONMENT) $(timed) $(SHELL) $(top_srcdir)/tests/targets/check-runtimes

# The tables alone.
bench-runtimes: all
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(top_srcdir)/tests/targets/check-runtimes --tables

.PHONY: check-runtimes bench-runtimes
EXTRA_DIST += tests/targets/check-runtimes
dist_doc_DATA += docs/runtimes.md
