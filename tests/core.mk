# tests/core.mk: tests of base, backing, pool, track, alloc and of the tree itself.

noinst_HEADERS += tests/core.h tests/scratch.h tests/self.h tests/stress.h tests/system.h

# Plain programs that need internal names.
core_ldadd = libweir-internal.la $(weir_jemalloc_lib) -lpthread

criterion_tests += tests/api_allocator
criterion_tests += tests/api_background
criterion_tests += tests/api_context
criterion_tests += tests/api_ends
criterion_tests += tests/api_fork
criterion_tests += tests/api_lookup
criterion_tests += tests/api_functions
criterion_tests += tests/api_messages
criterion_tests += tests/api_misuse
criterion_tests += tests/api_oracle
criterion_tests += tests/api_pool
criterion_tests += tests/api_refusal
criterion_tests += tests/api_sessions
criterion_tests += tests/api_soft_limit
criterion_tests += tests/api_stats
criterion_tests += tests/api_tags
criterion_tests += tests/api_version
criterion_tests += tests/unit_backing
criterion_tests += tests/unit_cache
criterion_tests += tests/unit_center
criterion_tests += tests/unit_cgroup
criterion_tests += tests/unit_class
criterion_tests += tests/unit_family
criterion_tests += tests/unit_faults
criterion_tests += tests/unit_late_misuse
criterion_tests += tests/unit_locks
criterion_tests += tests/unit_map
criterion_tests += tests/unit_meta
criterion_tests += tests/unit_meter
criterion_tests += tests/unit_os_pages
criterion_tests += tests/unit_page_heap
criterion_tests += tests/unit_placement
criterion_tests += tests/unit_pressure
criterion_tests += tests/unit_registry
criterion_tests += tests/unit_shelf
criterion_tests += tests/unit_shown
criterion_tests += tests/unit_slab
criterion_tests += tests/unit_span
criterion_tests += tests/unit_threads
criterion_tests += tests/unit_walk
tests_unit_backing_LDADD = $(unit_ldadd)
tests_unit_cache_LDADD = $(unit_ldadd)
tests_unit_center_LDADD = $(unit_ldadd)
tests_unit_cgroup_LDADD = $(unit_ldadd)
tests_unit_class_LDADD = $(unit_ldadd)
tests_unit_late_misuse_LDADD = $(unit_ldadd)
tests_unit_faults_LDADD = $(unit_ldadd)
tests_unit_family_LDADD = $(unit_ldadd)
tests_unit_locks_LDADD = $(unit_ldadd)
tests_unit_map_LDADD = $(unit_ldadd)
tests_unit_meta_LDADD = $(unit_ldadd)
tests_unit_os_pages_LDADD = $(unit_ldadd)
tests_unit_meter_LDADD = $(unit_ldadd)
tests_unit_placement_LDADD = $(unit_ldadd)
tests_unit_pressure_LDADD = $(unit_ldadd)
tests_unit_registry_LDADD = $(unit_ldadd)
tests_unit_shelf_LDADD = $(unit_ldadd)
tests_unit_shown_LDADD = $(unit_ldadd)
tests_unit_slab_LDADD = $(unit_ldadd)
tests_unit_page_heap_LDADD = $(unit_ldadd)
tests_unit_span_LDADD = $(unit_ldadd)
tests_unit_threads_LDADD = $(unit_ldadd)
tests_unit_walk_LDADD = $(unit_ldadd)

stress_tests += tests/stress_peak tests/stress_blocks tests/stress_limits \
	tests/stress_contexts tests/stress_background tests/stress_unfence \
	tests/stress_budget tests/stress_homes tests/stress_pressure
tests_stress_peak_LDADD = $(core_ldadd)
tests_stress_blocks_LDADD = $(core_ldadd)
tests_stress_homes_LDADD = $(core_ldadd)
tests_stress_contexts_LDADD = $(core_ldadd)
tests_stress_pressure_LDADD = $(plain_ldadd)
tests_stress_background_LDADD = $(plain_ldadd)
tests_stress_limits_LDADD = $(core_ldadd)
tests_stress_unfence_LDADD = $(core_ldadd)
tests_stress_budget_LDADD = $(core_ldadd)

plain_tests += tests/address_limits tests/background_misuse tests/debug_faults tests/fence_refused tests/fork_handlers \
	tests/fork_objects tests/fork_refused tests/kept_pages tests/large_pages tests/late_load \
	tests/no_keys_left tests/placement_backings tests/stale_lookups
tests_address_limits_LDADD = $(plain_ldadd)
tests_fork_objects_LDADD = $(plain_ldadd)
tests_fork_handlers_LDADD = $(core_ldadd)
tests_fork_refused_LDADD = $(core_ldadd)
tests_stale_lookups_LDADD = $(plain_ldadd)
tests_background_misuse_LDADD = $(core_ldadd)
tests_debug_faults_LDADD = $(core_ldadd)
tests_fence_refused_LDADD = $(core_ldadd)
tests_kept_pages_LDADD = $(core_ldadd)
tests_no_keys_left_LDADD = $(core_ldadd)
tests_large_pages_LDADD = $(core_ldadd)
tests_placement_backings_LDADD = $(plain_ldadd)
tests_late_load_LDADD = -lpthread -ldl

script_tests += tests/limits.sh tests/attributes.sh tests/abi.sh tests/exports.sh tests/layers.sh tests/nouns.sh tests/functions.sh tests/ctypes.sh tests/outside.sh tests/by_name.sh \
	tests/test_callgrind.sh tests/docs.sh tests/memory_tools.sh
check_PROGRAMS += tests/callgrind_pairs
tests_callgrind_pairs_SOURCES = tests/callgrind_pairs.c
tests_callgrind_pairs_LDADD = $(plain_ldadd)
EXTRA_DIST += tests/nouns.awk tests/attributes/mistakes.c tests/attributes/right.c
EXTRA_DIST += tests/memory_tools/program.c tests/outside/program.c tests/outside/module.c \
	tests/outside/opener.c tests/installed.sh

valgrind_tests += tests/api_version tests/unit_backing

# Ten minutes, or SOAK_SECONDS, of everything at once.
EXTRA_PROGRAMS += tests/soak
tests_soak_SOURCES = tests/soak.c
tests_soak_LDADD = $(core_ldadd)
SOAK_SECONDS = 600
soak: tests/soak
	$(builddir)/tests/soak $(SOAK_SECONDS)

check-models:
	$(timed) $(SHELL) $(top_srcdir)/tests/check-models '$(abs_top_srcdir)'

check-mutants: check-source
	$(timed) $(SHELL) $(top_srcdir)/tests/check-mutants "$$PWD/check-source"

EXTRA_DIST += tests/check-models tests/check-mutants docs/models/watermark.pml \
	docs/models/returns.pml docs/models/adoption.pml
.PHONY: soak check-models check-mutants
