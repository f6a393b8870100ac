dnl weir.m4 - the options of weir's configure, one macro each.

dnl WEIR_CHECK_CFLAG(FLAG, VARIABLE): appends FLAG to VARIABLE if the C compiler
dnl takes it.
AC_DEFUN([WEIR_CHECK_CFLAG], [
  AC_MSG_CHECKING([whether $CC takes $1])
  weir_saved_cflags=$CFLAGS
  CFLAGS="$CFLAGS -Werror $1"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes])
     $2="$$2 $1"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$weir_saved_cflags
])

dnl --enable-debug[=0..3]: off; cheap checks and fill patterns; internal asserts;
dnl whole-structure walks. Alone it means 2.
AC_DEFUN([WEIR_ARG_DEBUG], [
  AC_ARG_ENABLE([debug],
    [AS_HELP_STRING([--enable-debug@<:@=LEVEL@:>@],
      [0 none (default), 1 cheap checks and fill patterns, 2 asserts, 3 whole-structure walks])],
    [weir_debug=$enableval], [weir_debug=0])
  AS_CASE([$weir_debug],
    [yes], [weir_debug=2],
    [no], [weir_debug=0],
    [0|1|2|3], [],
    [AC_MSG_ERROR([--enable-debug takes 0, 1, 2 or 3, not "$weir_debug"])])
  AC_DEFINE_UNQUOTED([WEIR_DEBUG], [$weir_debug], [Debug level, 0 to 3.])
])

dnl --enable-sanitizer=address|thread|undefined, or a list such as address,undefined.
AC_DEFUN([WEIR_ARG_SANITIZER], [
  AC_ARG_ENABLE([sanitizer],
    [AS_HELP_STRING([--enable-sanitizer=NAME],
      [build with address, thread or undefined (or address,undefined)])],
    [weir_sanitizer=$enableval], [weir_sanitizer=no])
  WEIR_SANITIZER_FLAGS=
  AS_CASE([$weir_sanitizer],
    [no], [],
    [address|thread|undefined|address,undefined|undefined,address|thread,undefined|undefined,thread],
      [WEIR_SANITIZER_FLAGS="-fsanitize=$weir_sanitizer -fno-omit-frame-pointer -fno-sanitize-recover=undefined"],
    [AC_MSG_ERROR([--enable-sanitizer takes address, thread or undefined, not "$weir_sanitizer"])])
  AC_SUBST([WEIR_SANITIZER_FLAGS])
  AM_CONDITIONAL([SANITIZED], [test "$weir_sanitizer" != no])
  AM_CONDITIONAL([THREAD_SANITIZED], [expr "x$weir_sanitizer" : "x.*thread" >/dev/null])
])

dnl --disable-accounting: a library that counts nothing, to measure what counting
dnl costs. Its figures are all WEIR_UNSUPPORTED or 0; never install it.
AC_DEFUN([WEIR_ARG_ACCOUNTING], [
  AC_ARG_ENABLE([accounting],
    [AS_HELP_STRING([--disable-accounting], [count nothing; for measurement only])],
    [weir_accounting=$enableval], [weir_accounting=yes])
  AS_IF([test "$weir_accounting" = no],
    [AC_DEFINE([WEIR_NO_ACCOUNTING], [1], [Count nothing; for measurement only.])])
])
