# tests of adapters: see tests/local.mk for what a line says.

if HAVE_XNNPACK
criterion_tests += tests/api_xnnpack
valgrind_tests += tests/api_xnnpack
tests_api_xnnpack_LDADD = $(api_ldadd) $(XNNPACK_LIBS) -lm
endif
script_tests += tests/xnnpack.sh
