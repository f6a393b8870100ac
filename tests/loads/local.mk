# tests/loads: programs that are counted, recorded or timed.

check_PROGRAMS += tests/loads/callgrind_pairs \
	tests/loads/metrics \
	tests/loads/record_cost \
	tests/loads/record_program \
	tests/loads/report_program
tests_loads_callgrind_pairs_LDADD = $(plain_ldadd)
tests_loads_callgrind_pairs_SOURCES = tests/loads/callgrind_pairs.c
tests_loads_metrics_LDADD = $(plain_ldadd)
tests_loads_record_cost_LDADD = libweir-tools.la $(plain_ldadd) -lm
tests_loads_record_program_LDADD = $(plain_ldadd)
tests_loads_report_program_LDADD = $(plain_ldadd)

if TOOLS
check_PROGRAMS += tests/loads/symbols_look
endif
tests_loads_symbols_look_LDADD = libweir-symbols.la
tests_loads_symbols_look_SOURCES = tests/loads/symbols_look.c

# Processor time of 100,000 look-ups of different addresses, in each file.
SYMBOLS_COST_FILES = `ls /lib/*/libc.so.6 /usr/lib/*/libstdc++.so.6 /usr/lib/*/libLLVM*.so.1 /usr/lib/*/libclang-cpp.so.[0-9]* \
	/usr/lib/*/libpython3*.so.1.0 /usr/bin/python3 /usr/bin/node 2>/dev/null`
symbols-cost: tests/loads/symbols_look$(EXEEXT)
	for each in $(SYMBOLS_COST_FILES); do tests/loads/symbols_look$(EXEEXT) -c 100000 $$each; done
.PHONY: symbols-cost

# What recording costs, as tables.
record-cost: all tests/loads/record_cost$(EXEEXT)
	tests/loads/record_cost$(EXEEXT)
	$(SHELL) $(top_srcdir)/tests/targets/record-cost ./weir
.PHONY: record-cost

# What a report of such recordings costs, beside its bounds.
report-cost: all
	$(SHELL) $(top_srcdir)/tests/targets/report-cost ./weir
.PHONY: report-cost
