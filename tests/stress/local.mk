# tests/stress: threads against each other. They also run under ThreadSanitizer and on aarch64.

stress_tests += tests/stress/background \
	tests/stress/blocks \
	tests/stress/budget \
	tests/stress/contexts \
	tests/stress/device \
	tests/stress/homes \
	tests/stress/limits \
	tests/stress/mixed \
	tests/stress/objects \
	tests/stress/observe \
	tests/stress/peak \
	tests/stress/pressure \
	tests/stress/unfence
EXTRA_PROGRAMS += tests/stress/soak
tests_stress_background_LDADD = $(plain_ldadd)
tests_stress_blocks_LDADD = $(core_ldadd)
tests_stress_budget_LDADD = $(core_ldadd)
tests_stress_contexts_LDADD = $(core_ldadd)
tests_stress_device_LDADD = $(plain_ldadd)
tests_stress_homes_LDADD = $(core_ldadd)
tests_stress_limits_LDADD = $(core_ldadd)
tests_stress_mixed_LDADD = $(plain_ldadd)
tests_stress_objects_LDADD = $(plain_ldadd)
tests_stress_observe_LDADD = $(plain_ldadd)
tests_stress_peak_LDADD = $(core_ldadd)
tests_stress_pressure_LDADD = $(plain_ldadd)
tests_stress_soak_LDADD = $(core_ldadd)
tests_stress_soak_SOURCES = tests/stress/soak.c
tests_stress_unfence_LDADD = $(core_ldadd)

# Ten minutes, or SOAK_SECONDS, of everything at once; then so many operations, every figure against a model.
SOAK_SECONDS = 600
SOAK_OPERATIONS = 1000000000
soak: tests/stress/soak tests/stress/mixed
	$(builddir)/tests/stress/soak $(SOAK_SECONDS)
	$(builddir)/tests/stress/mixed $(SOAK_OPERATIONS)
.PHONY: soak
