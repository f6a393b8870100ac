# tests of object: see tests/local.mk for what a line says.

noinst_HEADERS += tests/cxx.h tests/object.h

criterion_tests += tests/api_destroyed tests/api_sizes tests/api_tensor tests/api_buffer tests/api_buffer_pool tests/api_arena \
	tests/unit_dlpack tests/unit_object_faults
tests_unit_dlpack_LDADD = $(unit_ldadd)
tests_unit_object_faults_LDADD = $(unit_ldadd)
valgrind_tests += tests/api_tensor tests/api_buffer tests/unit_dlpack

script_tests += tests/dlpack_numpy.sh
EXTRA_DIST += tests/dlpack_numpy.py

# C++.
if HAVE_CXX
plain_tests += tests/cxx_buffers tests/cxx_design tests/cxx_errors tests/cxx_objects tests/cxx_pointers
tests_cxx_buffers_SOURCES = tests/cxx_buffers.cc
tests_cxx_buffers_LDADD = $(plain_ldadd)
tests_cxx_design_SOURCES = tests/cxx_design.cc
tests_cxx_design_LDADD = $(plain_ldadd)
tests_cxx_errors_SOURCES = tests/cxx_errors.cc
tests_cxx_errors_LDADD = $(plain_ldadd)
tests_cxx_pointers_SOURCES = tests/cxx_pointers.cc
tests_cxx_pointers_LDADD = $(plain_ldadd)
tests_cxx_objects_SOURCES = tests/cxx_objects.cc
tests_cxx_objects_LDADD = $(plain_ldadd)
script_tests += tests/cxx_compilers.sh tests/cxx_variants.sh
else
EXTRA_DIST += tests/cxx_buffers.cc tests/cxx_design.cc tests/cxx_errors.cc tests/cxx_objects.cc tests/cxx_pointers.cc \
	tests/cxx_compilers.sh tests/cxx_variants.sh
endif
EXTRA_DIST += tests/design/buffer.inc tests/design/buffer_pool.inc tests/design/col_buffer_new.inc \
	tests/design/col_buffer_old.inc tests/design/cpu_allocator.inc \
	tests/design/cuda_allocator.inc tests/design/leak_test.inc tests/design/memory_pool.inc \
	tests/design/memory_pool_idea.inc tests/design/memory_profiler.inc \
	tests/design/statistics.inc tests/design/tensor.inc tests/design/tensors.inc \
	tests/design/tracking.inc

# The CMake package; the one for pkg-config is tests/outside.sh.
script_tests += tests/outside_cmake.sh
EXTRA_DIST += tests/outside/cmake/CMakeLists.txt tests/outside/cmake/middle.c \
	tests/outside/cmake/program.cc tests/outside/cmake/through_middle.c \
	tests/outside/cmake/without.c

stress_tests += tests/stress_objects
tests_stress_objects_LDADD = $(plain_ldadd)

# The examples against a reference of their own.
check_PROGRAMS += tests/conv2d_reference
tests_conv2d_reference_LDADD = -lm
script_tests += tests/conv2d.sh
