# tests/loads: programs that are counted, recorded or timed.

check_PROGRAMS += tests/loads/callgrind_pairs \
	tests/loads/record_cost \
	tests/loads/record_program
tests_loads_callgrind_pairs_LDADD = $(plain_ldadd)
tests_loads_callgrind_pairs_SOURCES = tests/loads/callgrind_pairs.c
tests_loads_record_cost_LDADD = libweir-tools.la $(plain_ldadd) -lm
tests_loads_record_program_LDADD = $(plain_ldadd)

# What recording costs, as tables.
record-cost: all tests/loads/record_cost$(EXEEXT)
	tests/loads/record_cost$(EXEEXT)
	$(SHELL) $(top_srcdir)/tests/targets/record-cost ./weir
.PHONY: record-cost
