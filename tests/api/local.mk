# tests/api: the public interface, by Criterion. A program links libweir.

case_tests += tests/api/allocator \
	tests/api/arena \
	tests/api/background \
	tests/api/bad_frees \
	tests/api/buffer \
	tests/api/buffer_pool \
	tests/api/children \
	tests/api/classic \
	tests/api/context \
	tests/api/cuda \
	tests/api/destroyed \
	tests/api/ends \
	tests/api/failed_calls \
	tests/api/failed_device \
	tests/api/figures \
	tests/api/fork \
	tests/api/fork_objects \
	tests/api/functions \
	tests/api/hardened \
	tests/api/warm \
	tests/api/host_memory \
	tests/api/lookup \
	tests/api/mapped \
	tests/api/messages \
	tests/api/misuse \
	tests/api/moves \
	tests/api/oracle \
	tests/api/owns \
	tests/api/plan \
	tests/api/plan_effort \
	tests/api/plan_run \
	tests/api/pool \
	tests/api/profile \
	tests/api/refusal \
	tests/api/sessions \
	tests/api/sizes \
	tests/api/snapshots \
	tests/api/soft_limit \
	tests/api/stats \
	tests/api/tags \
	tests/api/tensor \
	tests/api/trace_ends \
	tests/api/twice_freed \
	tests/api/version \
	tests/api/zeroed
valgrind_tests += tests/api/buffer \
	tests/api/cuda \
	tests/api/figures \
	tests/api/plan \
	tests/api/plan_run \
	tests/api/profile \
	tests/api/tensor \
	tests/api/version

if HAVE_XNNPACK
case_tests += tests/api/xnnpack
valgrind_tests += tests/api/xnnpack
tests_api_xnnpack_LDADD = $(api_ldadd) $(XNNPACK_LIBS) -lm
endif
