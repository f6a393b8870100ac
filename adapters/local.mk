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
endif

# -- ONNX Runtime: a library of its own, which links no libonnxruntime ---------------

onnxruntime_adapter_sources = adapters/onnxruntime.c src/base/sized.c src/base/sized.h adapters/onnxruntime_throw.cc \
	adapters/onnxruntime_throw.h adapters/onnxruntime_marks.c adapters/onnxruntime_marks.h include/weir/adapters/onnxruntime.h
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
endif

# -- libtorch and OpenCV: headers ----------------------------------------------------

if HAVE_TORCH
adaptersinclude_HEADERS += include/weir/adapters/torch.hpp
pkgconfig_DATA += adapters/weir-torch.pc
endif

if HAVE_OPENCV
adaptersinclude_HEADERS += include/weir/adapters/opencv.hpp
pkgconfig_DATA += adapters/weir-opencv.pc
endif

# Installs what is missing of the runtimes (apt, npm), then runs every adapter's test and
# prints the tables of docs/guide/runtimes.md.
check-runtimes: all
	$(AM_TESTS_ENVIRONMENT) $(timed) $(SHELL) $(top_srcdir)/tests/targets/check-runtimes

# The tables alone.
bench-runtimes: all
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(top_srcdir)/tests/targets/check-runtimes --tables

.PHONY: check-runtimes bench-runtimes
EXTRA_DIST += tests/targets/check-runtimes
