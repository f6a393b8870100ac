# tests of tools: see tests/local.mk for what a line says.

if TOOLS
criterion_tests += tests/unit_tools
endif
tests_unit_tools_LDADD = libweir-tools.la $(CRITERION_LIBS) -lm
