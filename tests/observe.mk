# tests of observe: see tests/local.mk for what a line says.

criterion_tests += tests/api_profile tests/api_figures
valgrind_tests += tests/api_profile tests/api_figures

EXTRA_DIST += tests/trace_reader.py
