# tests of device: see tests/local.mk for what a line says.

criterion_tests += tests/unit_device
tests_unit_device_SOURCES = tests/device/cases.c tests/device/checked_table.c tests/device/sim.c \
	tests/device/sim.h tests/device/target.h
tests_unit_device_LDADD = $(unit_ldadd)
valgrind_tests += tests/unit_device
