# tests/misuse: programs that do what the headers forbid. Each checks the line that is printed.

plain_tests += tests/misuse/background \
	tests/misuse/corruption \
	tests/misuse/debug_faults \
	tests/misuse/stale_lookups
tests_misuse_background_LDADD = $(core_ldadd)
tests_misuse_corruption_LDADD = $(core_ldadd)
tests_misuse_debug_faults_LDADD = $(core_ldadd)
tests_misuse_stale_lookups_LDADD = $(plain_ldadd)
