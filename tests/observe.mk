# tests of observe: see tests/local.mk for what a line says.

criterion_tests += tests/api_profile tests/api_figures
if TOOLS
criterion_tests += tests/unit_recorder tests/unit_trace_damage
endif
tests_unit_recorder_LDADD = libweir-trace.la $(unit_ldadd)
tests_unit_trace_damage_LDADD = libweir-trace.la $(unit_ldadd)
valgrind_tests += tests/api_profile tests/api_figures

EXTRA_DIST += tests/trace_reader.py

check_PROGRAMS += tests/record_program tests/record_cost
tests_record_cost_LDADD = $(plain_ldadd)
tests_record_program_LDADD = $(plain_ldadd)
weir_script_tests += tests/trace.sh

stress_tests += tests/stress_observe
tests_stress_observe_LDADD = $(plain_ldadd)

# What recording costs, as tables.
record-cost: all tests/record_cost$(EXEEXT)
	tests/record_cost$(EXEEXT)
	$(SHELL) $(top_srcdir)/tests/record-cost ./weir
.PHONY: record-cost
EXTRA_DIST += tests/record-cost
