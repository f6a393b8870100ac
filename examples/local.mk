# examples: built with everything else, not installed; tests/scripts/conv2d.sh runs them.

noinst_PROGRAMS += examples/conv2d examples/quick
examples_conv2d_SOURCES = examples/conv2d.c examples/netpbm.c examples/netpbm.h
examples_conv2d_LDADD = $(plain_ldadd) -lm
examples_quick_SOURCES = examples/quick.c
examples_quick_LDADD = $(plain_ldadd)

if HAVE_CXX
noinst_PROGRAMS += examples/conv2d-cxx
endif
EXTRA_PROGRAMS += examples/conv2d-cxx
examples_conv2d_cxx_SOURCES = examples/conv2d.cc examples/netpbm.c examples/netpbm.h
examples_conv2d_cxx_LDADD = $(plain_ldadd) -lm
# Its object then has a name of its own, apart from that of conv2d.c.
examples_conv2d_cxx_CXXFLAGS = $(AM_CXXFLAGS)

EXTRA_DIST += examples/data/raccoon.pgm examples/data/raccoon.ppm
