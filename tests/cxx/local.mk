# tests/cxx: weir.hpp. Plain programs.

EXTRA_DIST += tests/cxx/written/buffer.inc \
	tests/cxx/written/buffer_pool.inc \
	tests/cxx/written/col_buffer_new.inc \
	tests/cxx/written/col_buffer_old.inc \
	tests/cxx/written/cpu_allocator.inc \
	tests/cxx/written/cuda_allocator.inc \
	tests/cxx/written/leak_test.inc \
	tests/cxx/written/memory_pool.inc \
	tests/cxx/written/memory_pool_idea.inc \
	tests/cxx/written/memory_profiler.inc \
	tests/cxx/written/statistics.inc \
	tests/cxx/written/tensor.inc \
	tests/cxx/written/tensors.inc \
	tests/cxx/written/tracking.inc

if !HAVE_CXX
EXTRA_DIST += tests/cxx/allocators.cc \
	tests/cxx/buffers.cc \
	tests/cxx/contexts.cc \
	tests/cxx/design.cc \
	tests/cxx/devices.cc \
	tests/cxx/dlpack.cc \
	tests/cxx/errors.cc \
	tests/cxx/figures.cc \
	tests/cxx/leaks.cc \
	tests/cxx/objects.cc \
	tests/cxx/plans.cc \
	tests/cxx/pointers.cc \
	tests/cxx/tags.cc \
	tests/cxx/trace.cc
endif

if HAVE_CXX
plain_tests += tests/cxx/allocators \
	tests/cxx/buffers \
	tests/cxx/contexts \
	tests/cxx/design \
	tests/cxx/devices \
	tests/cxx/dlpack \
	tests/cxx/errors \
	tests/cxx/figures \
	tests/cxx/leaks \
	tests/cxx/objects \
	tests/cxx/plans \
	tests/cxx/pointers \
	tests/cxx/tags \
	tests/cxx/trace
tests_cxx_allocators_LDADD = $(plain_ldadd)
tests_cxx_allocators_SOURCES = tests/cxx/allocators.cc
tests_cxx_buffers_LDADD = $(plain_ldadd)
tests_cxx_buffers_SOURCES = tests/cxx/buffers.cc
tests_cxx_contexts_LDADD = $(plain_ldadd)
tests_cxx_contexts_SOURCES = tests/cxx/contexts.cc
tests_cxx_design_LDADD = $(plain_ldadd)
tests_cxx_design_SOURCES = tests/cxx/design.cc
tests_cxx_devices_LDADD = $(plain_ldadd)
tests_cxx_devices_SOURCES = tests/cxx/devices.cc
tests_cxx_dlpack_LDADD = $(plain_ldadd)
tests_cxx_dlpack_SOURCES = tests/cxx/dlpack.cc
tests_cxx_errors_LDADD = $(plain_ldadd)
tests_cxx_errors_SOURCES = tests/cxx/errors.cc
tests_cxx_figures_LDADD = $(plain_ldadd)
tests_cxx_figures_SOURCES = tests/cxx/figures.cc
tests_cxx_leaks_LDADD = $(plain_ldadd)
tests_cxx_leaks_SOURCES = tests/cxx/leaks.cc
tests_cxx_objects_LDADD = $(plain_ldadd)
tests_cxx_objects_SOURCES = tests/cxx/objects.cc
tests_cxx_plans_LDADD = $(plain_ldadd)
tests_cxx_plans_SOURCES = tests/cxx/plans.cc
tests_cxx_pointers_LDADD = $(plain_ldadd)
tests_cxx_pointers_SOURCES = tests/cxx/pointers.cc
tests_cxx_tags_LDADD = $(plain_ldadd)
tests_cxx_tags_SOURCES = tests/cxx/tags.cc
tests_cxx_trace_LDADD = $(plain_ldadd)
tests_cxx_trace_SOURCES = tests/cxx/trace.cc
endif
