# tests/process: plain programs that need a process prepared for them: limits, forks, signals, a kernel that refuses.

plain_tests += tests/process/address_limits \
	tests/process/every_call \
	tests/process/fence_refused \
	tests/process/fork_handlers \
	tests/process/fork_objects \
	tests/process/fork_refused \
	tests/process/kept_pages \
	tests/process/large_pages \
	tests/process/late_load \
	tests/process/no_keys_left \
	tests/process/placement_backings \
	tests/process/stacks
tests_process_address_limits_LDADD = $(plain_ldadd)
tests_process_every_call_LDADD = $(core_ldadd)
tests_process_fence_refused_LDADD = $(core_ldadd)
tests_process_fork_handlers_LDADD = $(core_ldadd)
tests_process_fork_objects_LDADD = $(plain_ldadd)
tests_process_fork_refused_LDADD = $(core_ldadd)
tests_process_kept_pages_LDADD = $(core_ldadd)
tests_process_kill_figures_LDADD = -lpthread
tests_process_large_pages_LDADD = $(core_ldadd)
tests_process_late_load_LDADD = -lpthread -ldl
tests_process_no_keys_left_LDADD = $(core_ldadd)
tests_process_placement_backings_LDADD = $(plain_ldadd)
tests_process_stacks_LDADD = $(core_ldadd) -ldl

if WITH_METRICS
plain_tests += tests/process/metrics_serve
endif
tests_process_metrics_serve_LDADD = libweir-metrics.la $(plain_ldadd)

if TOOLS
plain_tests += tests/process/kill_figures
endif

# The figures after a kill; kill-figures: some hundred kills.
KILLS = 20
kill-figures: all tests/process/kill_figures$(EXEEXT)
	top_builddir='$(abs_top_builddir)' tests/process/kill_figures$(EXEEXT) $(KILLS)
.PHONY: kill-figures
