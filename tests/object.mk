# tests of object: see tests/local.mk for what a line says.

noinst_HEADERS += tests/object.h

criterion_tests += tests/api_tensor tests/api_buffer tests/api_buffer_pool tests/api_arena
valgrind_tests += tests/api_tensor tests/api_buffer tests/api_arena
