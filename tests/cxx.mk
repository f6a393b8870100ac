# tests of weir.hpp: see tests/local.mk for what a line says.

noinst_HEADERS += tests/cxx.h

if HAVE_CXX
plain_tests += tests/cxx_allocators tests/cxx_buffers tests/cxx_contexts tests/cxx_design tests/cxx_devices tests/cxx_dlpack \
	tests/cxx_errors tests/cxx_figures tests/cxx_leaks tests/cxx_objects tests/cxx_plans tests/cxx_pointers \
	tests/cxx_tags tests/cxx_trace
tests_cxx_allocators_SOURCES = tests/cxx_allocators.cc
tests_cxx_allocators_LDADD = $(plain_ldadd)
tests_cxx_buffers_SOURCES = tests/cxx_buffers.cc
tests_cxx_buffers_LDADD = $(plain_ldadd)
tests_cxx_contexts_SOURCES = tests/cxx_contexts.cc
tests_cxx_contexts_LDADD = $(plain_ldadd)
tests_cxx_design_SOURCES = tests/cxx_design.cc
tests_cxx_design_LDADD = $(plain_ldadd)
tests_cxx_devices_SOURCES = tests/cxx_devices.cc
tests_cxx_devices_LDADD = $(plain_ldadd)
tests_cxx_dlpack_SOURCES = tests/cxx_dlpack.cc
tests_cxx_dlpack_LDADD = $(plain_ldadd)
tests_cxx_errors_SOURCES = tests/cxx_errors.cc
tests_cxx_errors_LDADD = $(plain_ldadd)
tests_cxx_figures_SOURCES = tests/cxx_figures.cc
tests_cxx_figures_LDADD = $(plain_ldadd)
tests_cxx_leaks_SOURCES = tests/cxx_leaks.cc
tests_cxx_leaks_LDADD = $(plain_ldadd)
tests_cxx_objects_SOURCES = tests/cxx_objects.cc
tests_cxx_objects_LDADD = $(plain_ldadd)
tests_cxx_plans_SOURCES = tests/cxx_plans.cc
tests_cxx_plans_LDADD = $(plain_ldadd)
tests_cxx_pointers_SOURCES = tests/cxx_pointers.cc
tests_cxx_pointers_LDADD = $(plain_ldadd)
tests_cxx_tags_SOURCES = tests/cxx_tags.cc
tests_cxx_tags_LDADD = $(plain_ldadd)
tests_cxx_trace_SOURCES = tests/cxx_trace.cc
tests_cxx_trace_LDADD = $(plain_ldadd)
script_tests += tests/cxx_compilers.sh tests/cxx_variants.sh
else
EXTRA_DIST += tests/cxx_allocators.cc tests/cxx_buffers.cc tests/cxx_contexts.cc tests/cxx_design.cc tests/cxx_devices.cc \
	tests/cxx_dlpack.cc tests/cxx_errors.cc tests/cxx_figures.cc tests/cxx_leaks.cc tests/cxx_objects.cc \
	tests/cxx_plans.cc tests/cxx_pointers.cc tests/cxx_tags.cc tests/cxx_trace.cc tests/cxx_compilers.sh \
	tests/cxx_variants.sh
endif
EXTRA_DIST += tests/design/buffer.inc tests/design/buffer_pool.inc tests/design/col_buffer_new.inc \
	tests/design/col_buffer_old.inc tests/design/cpu_allocator.inc \
	tests/design/cuda_allocator.inc tests/design/leak_test.inc tests/design/memory_pool.inc \
	tests/design/memory_pool_idea.inc tests/design/memory_profiler.inc \
	tests/design/statistics.inc tests/design/tensor.inc tests/design/tensors.inc \
	tests/design/tracking.inc
