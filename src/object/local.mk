# src/object: tensors, buffers, pools of buffers, arenas.

weir_core_sources += src/object/arena.c src/object/buffer.c src/object/buffer_pool.c \
	src/object/buffer_pool.h src/object/copy.c src/object/mapped.c src/object/shape.c src/object/shape.h src/object/storage.c \
	src/object/tensor.c src/object/tensor.h src/object/view.c

pkginclude_HEADERS += include/weir/arena.h include/weir/buffer.h include/weir/buffer_pool.h include/weir/tensor.h

# The C++ face.
pkginclude_HEADERS += include/weir/weir.hpp
weircxxdir = $(pkgincludedir)/cxx
weircxx_HEADERS = include/weir/cxx/allocator.hpp include/weir/cxx/buffer.hpp include/weir/cxx/context.hpp \
	include/weir/cxx/device.hpp include/weir/cxx/dlpack.hpp include/weir/cxx/error.hpp \
	include/weir/cxx/figures.hpp include/weir/cxx/leaks.hpp include/weir/cxx/owner.hpp \
	include/weir/cxx/plan.hpp include/weir/cxx/plan_run.hpp include/weir/cxx/profiler.hpp \
	include/weir/cxx/shape.hpp include/weir/cxx/standard.hpp include/weir/cxx/stream.hpp \
	include/weir/cxx/tag.hpp include/weir/cxx/tensor.hpp include/weir/cxx/trace.hpp

