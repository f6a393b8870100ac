# tests/device: the suite of device pools, over a table of functions, over a CUDA driver of our own, and over a real one.

device_cases = tests/device/cases.h tests/device/contract.c tests/device/pool.c tests/device/streams.c \
	tests/device/objects.c tests/device/oracle.c tests/device/failures.c

# The same on a real device.
check_PROGRAMS += tests/device/real
tests_device_real_LDADD = $(plain_ldadd) -ldl

# Found as libcuda.so.1 in its folder, and only there.
if SHARED
check_LTLIBRARIES += tests/device/fakecuda/libcuda.la
tests_device_fakecuda_libcuda_la_CFLAGS = $(AM_CFLAGS) -Wno-missing-prototypes
tests_device_fakecuda_libcuda_la_LDFLAGS = $(AM_LDFLAGS) -version-info 1:0:0 -rpath $(abs_builddir)/none \
	-Wl,-Bsymbolic
tests_device_fakecuda_libcuda_la_LIBADD = -lpthread
tests_device_fakecuda_libcuda_la_SOURCES = tests/device/fakecuda/fakecuda.c tests/device/sim.c tests/device/sim.h
endif

check-cuda: all
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) tests/device/real
	LIBTOOL='$(LIBTOOL)' $(SHELL) $(top_srcdir)/tests/targets/check-cuda tests/device/real
.PHONY: check-cuda
