# tests/security: programs of one misuse each, for any allocator; tests/targets/check-security runs them.

check_PROGRAMS += tests/security/crimes
tests_security_crimes_SOURCES = tests/security/crimes.c
tests_security_crimes_CFLAGS = $(AM_CFLAGS) -O1 -fno-builtin -w
tests_security_crimes_LDADD =
