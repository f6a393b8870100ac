# adapters: other runtimes' hooks. An adapter is installed, with a .pc of its own,
# where configure found its runtime; its header is in include/weir/adapters.

adaptersincludedir = $(pkgincludedir)/adapters
adaptersinclude_HEADERS =
EXTRA_DIST += adapters/weir-xnnpack.pc.in adapters/weir-onnxruntime.pc.in scripts/fetch-ort

# -- XNNPACK: a header ---------------------------------------------------------------

if HAVE_XNNPACK
adaptersinclude_HEADERS += include/weir/adapters/xnnpack.h
pkgconfig_DATA += adapters/weir-xnnpack.pc
noinst_PROGRAMS += adapters/examples/xnnpack_mobilenet
adapters_examples_xnnpack_mobilenet_SOURCES = adapters/examples/xnnpack_mobilenet.c
adapters_examples_xnnpack_mobilenet_LDADD = libweir.la $(weir_jemalloc_lib) $(XNNPACK_LIBS) -lm
endif

# -- ONNX Runtime: a library of its own, which links no libonnxruntime ---------------

onnxruntime_adapter_sources = adapters/onnxruntime.c adapters/onnxruntime_throw.cc \
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

# Also where configure found no headers: tests/ort.sh fetches them and makes these
# with ORT_CFLAGS of its own. So they contain the adapter.
EXTRA_PROGRAMS += adapters/examples/ort_run
ort_model_sources = adapters/examples/ort_model.c adapters/examples/ort_model.h \
	$(onnxruntime_adapter_sources)
adapters_examples_ort_run_SOURCES = adapters/examples/ort_run.c $(ort_model_sources)
adapters_examples_ort_run_CPPFLAGS = $(AM_CPPFLAGS) $(ORT_CFLAGS)
adapters_examples_ort_run_CFLAGS = $(onnxruntime_adapter_cflags)
adapters_examples_ort_run_LDADD = libweir.la $(weir_jemalloc_lib) -ldl -lpthread
