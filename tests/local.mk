# One folder for each kind of test, with a local.mk that says what it holds: tests/README.md.

# Tests misuse weir on purpose, and look at what is there afterwards; compilers are not to warn of
# it, nor to conclude anything. tests/scripts/attributes.sh is about what they say otherwise.
tests/%.o: AM_CPPFLAGS += -DWEIR_NO_ATTRIBUTES $(suite_cppflags)

# What a program of tests/helpers/suite.h links: Criterion, or the harness of our own. Its comparisons keep both
# sides in variables, so that a literal on one side is no constant any more.
if HAVE_CRITERION
suite_libs = $(CRITERION_LIBS)
EXTRA_DIST += tests/helpers/harness.c
else
suite_libs = libweir-harness.la
check_LTLIBRARIES += libweir-harness.la
libweir_harness_la_SOURCES = tests/helpers/harness.c
suite_cppflags = -Wno-sign-compare
endif

# Plain programs that need internal names.
core_ldadd = libweir-internal.la $(weir_jemalloc_lib) -lpthread

include tests/api/local.mk
include tests/unit/local.mk
include tests/cxx/local.mk
include tests/process/local.mk
include tests/misuse/local.mk
include tests/security/local.mk
include tests/stress/local.mk
include tests/preload/local.mk
include tests/device/local.mk
include tests/guest/local.mk
include tests/scripts/local.mk
include tests/outside/local.mk
include tests/helpers/local.mk
include tests/loads/local.mk
include tests/mutants/local.mk
include tests/targets/local.mk
EXTRA_DIST += tests/README.md tests/programs/oracle.c tests/programs/table.py
