# tests/platform.mk: what the headers promise, by the public interface alone.

noinst_HEADERS += tests/promise.h tests/failing.h
criterion_tests += tests/api_failed_calls tests/api_failed_device tests/api_moves tests/api_twice_freed
criterion_tests += tests/api_owns tests/api_children tests/api_bad_frees tests/api_snapshots tests/api_fork_objects
criterion_tests += tests/api_trace_ends tests/api_zeroed

# Programs of their own, under limits, locks and stand-ins for other kernels.
script_tests += tests/platform.sh tests/old_names.sh
EXTRA_DIST += tests/platform/atfork.c tests/platform/atfork_early.c tests/platform/grow.c \
	tests/platform/keys.c tests/platform/limits.c tests/platform/locked.c tests/platform/purge.c \
	tests/platform/reclaim.c tests/platform/shim.c tests/platform/space.c tests/platform/sparse.c \
	tests/platform/stall.c tests/platform/take.h
