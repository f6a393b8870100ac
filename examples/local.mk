# examples: a ladder of small programs (examples/README.md). Built with everything else; installed as
# source with a Makefile of their own. tests/scripts/examples.sh and conv2d.sh run them.

containerdir = $(docdir)/examples/container
dist_container_DATA = examples/container/Dockerfile examples/container/service.py
plain_examples = examples/01-first examples/02-limit examples/03-leaks examples/04-own-allocator \
	examples/06-arena examples/07-plan examples/08-replay examples/09-tags examples/10-metrics \
	examples/12-cuda
examples_01_first_LDADD = $(plain_ldadd)
examples_02_limit_LDADD = $(plain_ldadd)
examples_03_leaks_LDADD = $(plain_ldadd)
examples_04_own_allocator_LDADD = $(plain_ldadd)
examples_06_arena_LDADD = $(plain_ldadd)
examples_07_plan_LDADD = $(plain_ldadd)
examples_08_replay_LDADD = $(plain_ldadd)
examples_09_tags_LDADD = $(plain_ldadd)
examples_10_metrics_LDADD = $(plain_ldadd)
examples_12_cuda_LDADD = $(plain_ldadd)

noinst_PROGRAMS += $(plain_examples) examples/conv2d
examples_conv2d_SOURCES = examples/conv2d.c examples/netpbm.c examples/netpbm.h
examples_conv2d_LDADD = $(plain_ldadd) -lm

if HAVE_CXX
noinst_PROGRAMS += examples/05-pmr examples/conv2d-cxx
endif
EXTRA_PROGRAMS += examples/05-pmr examples/conv2d-cxx
examples_05_pmr_SOURCES = examples/05-pmr.cc
examples_05_pmr_LDADD = $(plain_ldadd)
examples_conv2d_cxx_SOURCES = examples/conv2d.cc examples/netpbm.c examples/netpbm.h
examples_conv2d_cxx_LDADD = $(plain_ldadd) -lm
# Its object then has a name of its own, apart from that of conv2d.c.
examples_conv2d_cxx_CXXFLAGS = $(AM_CXXFLAGS)

# Made by the test, where their headers are.
EXTRA_PROGRAMS += examples/11-onnxruntime examples/13-dlpack
examples_11_onnxruntime_SOURCES = examples/11-onnxruntime.c $(onnxruntime_adapter_sources)
examples_11_onnxruntime_CPPFLAGS = $(AM_CPPFLAGS) $(ORT_CFLAGS)
examples_11_onnxruntime_CFLAGS = $(onnxruntime_adapter_cflags)
examples_11_onnxruntime_LDADD = $(plain_ldadd) $(ORT_LIBS) -lonnxruntime -ldl
examples_13_dlpack_LDADD = $(plain_ldadd)

examplesdir = $(docdir)/examples
dist_examples_DATA = examples/README.md examples/Makefile examples/check \
	examples/01-first.c examples/02-limit.c examples/03-leaks.c examples/04-own-allocator.c \
	examples/05-pmr.cc examples/06-arena.c examples/07-plan.c examples/08-replay.c \
	examples/09-tags.c examples/10-metrics.c examples/11-onnxruntime.c examples/12-cuda.c \
	examples/13-dlpack.c examples/conv2d.c examples/conv2d.cc examples/netpbm.c examples/netpbm.h \
	examples/01-first.txt examples/02-limit.txt examples/03-leaks.txt \
	examples/04-own-allocator.txt examples/05-pmr.txt examples/06-arena.txt examples/07-plan.txt \
	examples/08-replay.txt examples/09-tags.txt examples/10-metrics.txt \
	examples/11-onnxruntime.txt examples/12-cuda.txt examples/13-dlpack.txt examples/conv2d.txt \
	examples/conv2d-cxx.txt
exampledatadir = $(docdir)/examples/data
dist_exampledata_DATA = examples/data/raccoon.pgm
EXTRA_DIST += examples/data/raccoon.ppm
