# One line or two for each test. Unit tests also need
#   tests_unit_x_LDADD = $(unit_ldadd)

criterion_tests += tests/api_version tests/unit_backing
tests_unit_backing_LDADD = $(unit_ldadd)
