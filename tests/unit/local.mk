# tests/unit: what is inside, by Criterion. Each links libweir-internal: tests_unit_x_LDADD = $(unit_ldadd).

case_tests += tests/unit/backing \
	tests/unit/cache \
	tests/unit/canary \
	tests/unit/center \
	tests/unit/cfi \
	tests/unit/cgroup \
	tests/unit/class \
	tests/unit/device \
	tests/unit/dlpack \
	tests/unit/elf_file \
	tests/unit/environment \
	tests/unit/family \
	tests/unit/jit_map \
	tests/unit/faults \
	tests/unit/fill \
	tests/unit/guards \
	tests/unit/late_misuse \
	tests/unit/leaks \
	tests/unit/locks \
	tests/unit/map \
	tests/unit/meta \
	tests/unit/meter \
	tests/unit/module \
	tests/unit/object_faults \
	tests/unit/os_pages \
	tests/unit/pace \
	tests/unit/page_heap \
	tests/unit/placement \
	tests/unit/plan \
	tests/unit/pointer_map \
	tests/unit/pprof \
	tests/unit/pressure \
	tests/unit/program_file \
	tests/unit/recorder_outside \
	tests/unit/registry \
	tests/unit/run_attach \
	tests/unit/sample \
	tests/unit/shelf \
	tests/unit/shown \
	tests/unit/sink \
	tests/unit/slab \
	tests/unit/snapshot \
	tests/unit/span \
	tests/unit/symbol \
	tests/unit/threads \
	tests/unit/walk
valgrind_tests += tests/unit/backing \
	tests/unit/device \
	tests/unit/dlpack
tests_unit_backing_LDADD = $(unit_ldadd)
tests_unit_cache_LDADD = $(unit_ldadd)
tests_unit_canary_LDADD = $(unit_ldadd)
tests_unit_center_LDADD = $(unit_ldadd)
tests_unit_cfi_LDADD = $(unit_ldadd)
tests_unit_cgroup_LDADD = $(unit_ldadd)
tests_unit_class_LDADD = $(unit_ldadd)
tests_unit_device_LDADD = $(unit_ldadd)
tests_unit_device_SOURCES = $(device_cases) tests/device/checked_table.c tests/device/sim.c  tests/device/sim.h tests/device/target.h
tests_unit_dlpack_LDADD = $(unit_ldadd)
tests_unit_elf_file_LDADD = $(suite_libs)
tests_unit_elf_file_SOURCES = tests/unit/elf_file.c $(program_file_sources)
tests_unit_environment_LDADD = $(unit_ldadd)
tests_unit_family_LDADD = $(unit_ldadd)
tests_unit_faults_LDADD = $(unit_ldadd)
tests_unit_fill_LDADD = $(unit_ldadd)
tests_unit_jit_map_LDADD = $(unit_ldadd)
tests_unit_late_misuse_LDADD = $(unit_ldadd)
tests_unit_leaks_LDADD = $(unit_ldadd)
tests_unit_locks_LDADD = $(unit_ldadd)
tests_unit_map_LDADD = $(unit_ldadd)
tests_unit_guards_LDADD = $(unit_ldadd)
tests_unit_meta_LDADD = $(unit_ldadd)
tests_unit_meter_LDADD = $(unit_ldadd)
tests_unit_module_LDADD = $(unit_ldadd)
tests_unit_object_faults_LDADD = $(unit_ldadd)
tests_unit_os_pages_LDADD = $(unit_ldadd)
tests_unit_pace_LDADD = $(unit_ldadd)
tests_unit_page_heap_LDADD = $(unit_ldadd)
tests_unit_placement_LDADD = $(unit_ldadd)
tests_unit_plan_LDADD = $(unit_ldadd)
tests_unit_pointer_map_LDADD = $(unit_ldadd)
tests_unit_pprof_LDADD = $(unit_ldadd)
tests_unit_pressure_LDADD = $(unit_ldadd)
tests_unit_recorder_LDADD = libweir-trace.la $(unit_ldadd)
tests_unit_recorder_outside_LDADD = $(unit_ldadd)
tests_unit_recordings_LDADD = libweir-trace.la $(unit_ldadd)
tests_unit_report_LDADD = libweir-report.la libweir-trace.la $(unit_ldadd)
tests_unit_report_page_LDADD = libweir-report.la libweir-trace.la $(unit_ldadd) $(ZLIB_LIBS)
tests_unit_report_mappings_LDADD = libweir-report.la libweir-trace.la $(suite_libs) $(ZLIB_LIBS)
tests_unit_program_file_LDADD = $(suite_libs)
tests_unit_program_file_SOURCES = tests/unit/program_file.c $(program_file_sources)
tests_unit_registry_LDADD = $(unit_ldadd)
tests_unit_run_attach_LDADD = $(unit_ldadd)
tests_unit_sample_LDADD = $(unit_ldadd) -lm
tests_unit_shelf_LDADD = $(unit_ldadd)
tests_unit_shown_LDADD = $(unit_ldadd)
tests_unit_sink_LDADD = $(unit_ldadd)
tests_unit_slab_LDADD = $(unit_ldadd)
tests_unit_snapshot_LDADD = $(unit_ldadd)
tests_unit_span_LDADD = $(unit_ldadd)
tests_unit_stacks_LDADD = libweir-trace.la $(unit_ldadd)
tests_unit_symbol_LDADD = $(unit_ldadd) -ldl
tests_unit_symbols_LDADD = libweir-symbols.la $(suite_libs)
tests_unit_threads_LDADD = $(unit_ldadd)
tests_unit_tools_LDADD = libweir-tools.la $(suite_libs) -lm
tests_unit_trace_damage_LDADD = libweir-trace.la $(unit_ldadd)
tests_unit_trace_file_LDADD = libweir-trace.la $(unit_ldadd)
tests_unit_trace_load_LDADD = libweir-trace.la $(suite_libs) $(ZLIB_LIBS)
tests_unit_trace_pack_LDADD = libweir-trace.la $(suite_libs) $(ZLIB_LIBS)
tests_unit_walk_LDADD = $(unit_ldadd)

if WITH_METRICS
case_tests += tests/unit/serve
tests_unit_serve_SOURCES = tests/unit/serve.c $(serve_sources)
tests_unit_serve_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS)
tests_unit_serve_LDADD = $(suite_libs) $(MICROHTTPD_LIBS) -lpthread
endif

if SHARED
case_tests += tests/unit/cuda
EXTRA_tests_unit_cuda_DEPENDENCIES = tests/device/fakecuda/libcuda.la
tests_unit_cuda_CPPFLAGS = $(AM_CPPFLAGS)  -DFAKECUDA_DIR='"$(abs_builddir)/tests/device/fakecuda/.libs"'
tests_unit_cuda_LDADD = $(unit_ldadd) -ldl
tests_unit_cuda_SOURCES = $(device_cases) tests/device/cuda_cases.c  tests/device/cuda_target.c tests/device/cuda_target.h tests/device/sim.h  tests/device/target.h
endif

if TOOLS
case_tests += tests/unit/recorder \
	tests/unit/recordings \
	tests/unit/trace_file \
	tests/unit/report \
	tests/unit/report_mappings \
	tests/unit/report_page \
	tests/unit/stacks \
	tests/unit/symbols \
	tests/unit/tools \
	tests/unit/trace_damage \
	tests/unit/trace_load \
	tests/unit/trace_pack
endif

# Guarded blocks, 10^8 operations without a report.
check-guards: tests/unit/guards
	GUARDS_OPERATIONS=100000000 $(builddir)/tests/unit/guards
.PHONY: check-guards
