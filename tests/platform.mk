# tests/platform.mk: what the headers promise, by the public interface alone.

noinst_HEADERS += tests/promise.h tests/failing.h
criterion_tests += tests/api_failed_calls tests/api_failed_device tests/api_moves tests/api_twice_freed
criterion_tests += tests/api_owns tests/api_children tests/api_bad_frees tests/api_snapshots tests/api_fork_objects
criterion_tests += tests/api_trace_ends tests/api_zeroed
