dnl runtimes.m4 - which inference runtimes are there to build adapters for. None is
dnl needed: an adapter whose runtime is missing is left out.

AC_DEFUN([WEIR_FIND_RUNTIMES], [
  WEIR_FIND_XNNPACK
])

dnl --without-xnnpack, XNNPACK_LIBS.
AC_DEFUN([WEIR_FIND_XNNPACK], [
  AC_ARG_WITH([xnnpack],
    [AS_HELP_STRING([--without-xnnpack], [leave out the adapter for XNNPACK])],
    [], [with_xnnpack=check])
  XNNPACK_LIBS=
  weir_have_xnnpack=no
  AS_IF([test "$with_xnnpack" != no],
    [AC_CHECK_HEADER([xnnpack.h],
       [AC_CHECK_LIB([XNNPACK], [xnn_initialize],
          [weir_have_xnnpack=yes XNNPACK_LIBS=-lXNNPACK])])
     AS_IF([test "$with_xnnpack,$weir_have_xnnpack" = yes,no],
       [AC_MSG_ERROR([XNNPACK was asked for but xnnpack.h (with pthreadpool.h) or libXNNPACK
is missing: install libxnnpack-dev and libpthreadpool-dev])])])
  AC_SUBST([XNNPACK_LIBS])
  AM_CONDITIONAL([HAVE_XNNPACK], [test $weir_have_xnnpack = yes])
])
