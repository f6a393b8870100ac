# adapters: other runtimes' hooks. An adapter is installed, with a .pc of its own,
# where configure found its runtime; its header is in include/weir/adapters.

adaptersincludedir = $(pkgincludedir)/adapters
adaptersinclude_HEADERS =
EXTRA_DIST += adapters/weir-xnnpack.pc.in

if HAVE_XNNPACK
adaptersinclude_HEADERS += include/weir/adapters/xnnpack.h
pkgconfig_DATA += adapters/weir-xnnpack.pc
noinst_PROGRAMS += adapters/examples/xnnpack_mobilenet
adapters_examples_xnnpack_mobilenet_SOURCES = adapters/examples/xnnpack_mobilenet.c
adapters_examples_xnnpack_mobilenet_LDADD = libweir.la $(weir_jemalloc_lib) $(XNNPACK_LIBS) -lm
endif
