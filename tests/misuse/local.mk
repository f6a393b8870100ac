# tests/misuse: programs that do what the headers forbid. Each checks the line that is printed.

plain_tests += tests/misuse/background \
	tests/misuse/corruption \
	tests/misuse/debug_faults \
	tests/misuse/stale_lookups
tests_misuse_background_LDADD = $(core_ldadd)
tests_misuse_corruption_LDADD = $(core_ldadd)
tests_misuse_debug_faults_LDADD = $(core_ldadd)
tests_misuse_stale_lookups_LDADD = $(plain_ldadd)

# One crime a run; tests/scripts/crimes.sh commits all of them, and the table says what comes of each. Compilers are to
# know nothing of what they do.
crime_cflags = -O1 -fno-builtin -w
check_PROGRAMS += tests/misuse/allocators tests/misuse/linked tests/misuse/objects
tests_misuse_allocators_CFLAGS = $(AM_CFLAGS) $(crime_cflags)
tests_misuse_allocators_LDADD = $(plain_ldadd)
tests_misuse_allocators_SOURCES = tests/misuse/allocators.c tests/misuse/crime.h
tests_misuse_linked_CFLAGS = $(AM_CFLAGS) $(crime_cflags)
tests_misuse_linked_LDADD = $(plain_ldadd)
tests_misuse_objects_CFLAGS = $(AM_CFLAGS) $(crime_cflags)
tests_misuse_objects_LDADD = $(plain_ldadd)
tests_misuse_linked_SOURCES = tests/misuse/linked.c tests/misuse/crime.h
tests_misuse_objects_SOURCES = tests/misuse/objects.c tests/misuse/crime.h

if HAVE_CXX
check_PROGRAMS += tests/misuse/linked_cxx tests/misuse/preloaded
tests_misuse_linked_cxx_CXXFLAGS = $(AM_CXXFLAGS) $(crime_cflags)
tests_misuse_linked_cxx_LDADD = $(plain_ldadd)
tests_misuse_linked_cxx_SOURCES = tests/misuse/linked_cxx.cc tests/misuse/crime.h
tests_misuse_preloaded_CXXFLAGS = $(AM_CXXFLAGS) $(crime_cflags)
tests_misuse_preloaded_LDADD = -lpthread -ldl
tests_misuse_preloaded_SOURCES = tests/misuse/preloaded.cc tests/misuse/crime.h
endif

script_tests += tests/scripts/crimes.sh
EXTRA_DIST += tests/misuse/crimes.table
