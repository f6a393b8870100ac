# bench/runtimes: models under other runtimes, with weir and with the runtimes' own allocators. A
# program a runtime; docs/guide/runtimes.md has what they print.

runtime_sources = bench/runtimes/child.c bench/runtimes/child.h
runtime_ldadd = libweir-tools.la libweir.la $(weir_jemalloc_lib) -lpthread -lm
# Tables of options leave out what is 0.
runtime_cflags = $(AM_CFLAGS) -Wno-missing-field-initializers

if HAVE_XNNPACK
noinst_PROGRAMS += bench/runtimes/xnnpack_mobilenet
bench_runtimes_xnnpack_mobilenet_SOURCES = bench/runtimes/xnnpack_mobilenet.c $(runtime_sources)
bench_runtimes_xnnpack_mobilenet_CFLAGS = $(runtime_cflags)
bench_runtimes_xnnpack_mobilenet_LDADD = $(runtime_ldadd) $(XNNPACK_LIBS)
endif
if HAVE_ONNXRUNTIME
noinst_PROGRAMS += bench/runtimes/ort_run
endif

# Also where configure found no headers: tests/scripts/ort.sh fetches them and makes this
# with ORT_CFLAGS of its own. So it contains the adapter.
EXTRA_PROGRAMS += bench/runtimes/ort_run
ort_model_sources = bench/runtimes/ort_model.c bench/runtimes/ort_model.h $(runtime_sources) \
	$(onnxruntime_adapter_sources)
bench_runtimes_ort_run_SOURCES = bench/runtimes/ort_run.c bench/runtimes/ort_plan.c \
	bench/runtimes/ort_plan.h $(ort_model_sources)
bench_runtimes_ort_run_CPPFLAGS = $(AM_CPPFLAGS) $(ORT_CFLAGS)
bench_runtimes_ort_run_CFLAGS = $(onnxruntime_adapter_cflags) -Wno-missing-field-initializers
bench_runtimes_ort_run_LDADD = $(runtime_ldadd) -ldl

# Made by tests/scripts/runtimes.sh, where the runtimes are: the compiler takes its time over
# libtorch's headers, which also trip our warnings.
EXTRA_PROGRAMS += bench/runtimes/torch_resnet bench/runtimes/opencv_darknet
bench_runtimes_torch_resnet_SOURCES = bench/runtimes/torch_resnet.cc bench/runtimes/compare.hpp \
	include/weir/adapters/torch.hpp $(runtime_sources)
bench_runtimes_torch_resnet_CPPFLAGS = $(AM_CPPFLAGS) $(TORCH_CFLAGS)
bench_runtimes_torch_resnet_CXXFLAGS = -std=gnu++17
bench_runtimes_torch_resnet_LDADD = $(runtime_ldadd) $(TORCH_LIBS)
bench_runtimes_opencv_darknet_SOURCES = bench/runtimes/opencv_darknet.cc bench/runtimes/compare.hpp \
	include/weir/adapters/opencv.hpp $(runtime_sources)
bench_runtimes_opencv_darknet_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCV_CFLAGS)
bench_runtimes_opencv_darknet_CXXFLAGS = -std=gnu++17
bench_runtimes_opencv_darknet_LDADD = $(runtime_ldadd) $(OPENCV_LIBS)

# ggml has no adapter (docs/guide/runtimes.md), but its public headers take weir's blocks.
EXTRA_PROGRAMS += bench/runtimes/ggml_mlp
bench_runtimes_ggml_mlp_SOURCES = bench/runtimes/ggml_mlp.c $(runtime_sources)
bench_runtimes_ggml_mlp_CPPFLAGS = $(AM_CPPFLAGS) $(GGML_CFLAGS)
bench_runtimes_ggml_mlp_LDADD = $(runtime_ldadd) $(GGML_LIBS)
EXTRA_DIST += tests/scripts/ggml.sh
