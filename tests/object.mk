# tests of object: see tests/local.mk for what a line says.

noinst_HEADERS += tests/object.h

criterion_tests += tests/api_mapped tests/api_destroyed tests/api_sizes tests/api_tensor tests/api_buffer tests/api_buffer_pool tests/api_arena \
	tests/unit_dlpack tests/unit_object_faults
tests_unit_dlpack_LDADD = $(unit_ldadd)
tests_unit_object_faults_LDADD = $(unit_ldadd)
valgrind_tests += tests/api_tensor tests/api_buffer tests/unit_dlpack

script_tests += tests/dlpack_numpy.sh
EXTRA_DIST += tests/dlpack_numpy.py

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
script_tests += tests/conv2d.sh tests/examples.sh tests/examples_outside.sh
