# tests of device: see tests/local.mk for what a line says.

criterion_tests += tests/unit_device
device_cases = tests/device/cases.h tests/device/contract.c tests/device/pool.c tests/device/streams.c \
	tests/device/objects.c tests/device/oracle.c tests/device/failures.c
tests_unit_device_SOURCES = $(device_cases) tests/device/checked_table.c tests/device/sim.c \
	tests/device/sim.h tests/device/target.h
tests_unit_device_LDADD = $(unit_ldadd)
valgrind_tests += tests/unit_device

criterion_tests += tests/api_cuda tests/api_host_memory
valgrind_tests += tests/api_cuda

if SHARED
# A driver of our own. Found as libcuda.so.1 in its folder, and only there.
check_LTLIBRARIES += tests/fakecuda/libcuda.la
tests_fakecuda_libcuda_la_SOURCES = tests/fakecuda/fakecuda.c tests/device/sim.c tests/device/sim.h
tests_fakecuda_libcuda_la_CFLAGS = $(AM_CFLAGS) -Wno-missing-prototypes
tests_fakecuda_libcuda_la_LDFLAGS = $(AM_LDFLAGS) -version-info 1:0:0 -rpath $(abs_builddir)/none \
	-Wl,-Bsymbolic
tests_fakecuda_libcuda_la_LIBADD = -lpthread

# The suite once more, over the CUDA table.
criterion_tests += tests/unit_cuda
tests_unit_cuda_SOURCES = $(device_cases) tests/device/cuda_cases.c \
	tests/device/cuda_target.c tests/device/cuda_target.h tests/device/sim.h \
	tests/device/target.h
tests_unit_cuda_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFAKECUDA_DIR='"$(abs_builddir)/tests/fakecuda/.libs"'
tests_unit_cuda_LDADD = $(unit_ldadd) -ldl
EXTRA_tests_unit_cuda_DEPENDENCIES = tests/fakecuda/libcuda.la
endif

stress_tests += tests/stress_device
tests_stress_device_LDADD = $(plain_ldadd)

# The same on a real device.
check_PROGRAMS += tests/cuda_real
tests_cuda_real_LDADD = $(plain_ldadd) -ldl
script_tests += tests/cuda_fake.sh
weir_script_tests += tests/stats_device.sh
EXTRA_DIST += tests/check-cuda

check-cuda: all
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) tests/cuda_real
	LIBTOOL='$(LIBTOOL)' $(SHELL) $(top_srcdir)/tests/check-cuda tests/cuda_real

.PHONY: check-cuda
