# One line or two for each test, in the fragment of its area. Unit tests also need
#   tests_unit_x_LDADD = $(unit_ldadd)

# Tests misuse weir on purpose, and look at what is there afterwards; compilers are not to warn of
# it, nor to conclude anything. tests/attributes.sh is about what they say otherwise.
tests/%.o: AM_CPPFLAGS += -DWEIR_NO_ATTRIBUTES

include tests/core.mk
include tests/platform.mk
include tests/object.mk
include tests/cxx.mk
include tests/observe.mk
include tests/plan.mk
include tests/device.mk
include tests/tools.mk
include tests/bench.mk
include tests/preload.mk
include tests/guest.mk
include tests/adapters.mk
