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

dnl A folder's name with a blank or a colon: libtool does not link there, and the loader
dnl cuts LD_PRELOAD at both, so libweir-malloc.so could not be tested.
AC_DEFUN([WEIR_CHECK_FOLDERS], [
  for weir_folder in "`pwd`" "`cd "$srcdir" && pwd`"; do
    AS_CASE([$weir_folder],
      [*@<:@\ \	:@:>@*], [AC_MSG_ERROR([weir cannot be built in "$weir_folder": its name has a blank
or a colon, at which the loader cuts LD_PRELOAD (and libtool its arguments). Move it])])
  done
])

dnl The names of source and build folders, which debugging data would hold, out of what is
dnl installed. gdb finds the sources when run in the build folder.
AC_DEFUN([WEIR_HIDE_FOLDERS], [
  WEIR_FOLDER_FLAGS=
  WEIR_CHECK_CFLAG([-ffile-prefix-map=/none=.], [WEIR_FOLDER_FLAGS])
  AS_IF([test -n "$WEIR_FOLDER_FLAGS"],
    [WEIR_FOLDER_FLAGS='-ffile-prefix-map=$(abs_top_srcdir)=. -ffile-prefix-map=$(abs_top_builddir)=.'])
  AC_SUBST([WEIR_FOLDER_FLAGS])
])

dnl What the code takes for granted.
AC_DEFUN([WEIR_CHECK_PLATFORM], [
  AC_MSG_CHECKING([for 64 bits and the least byte first])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "64 bits");
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error the greatest byte is first
#endif]], [])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([weir needs a little-endian machine of 64 bits; $host is none])])
  AC_CHECK_HEADER([linux/membarrier.h], [],
    [AC_MSG_ERROR([linux/membarrier.h is missing: weir needs the headers of Linux 4.14 or later
(Debian: linux-libc-dev)])])
  AC_CHECK_HEADER([sys/single_threaded.h], [],
    [AC_MSG_ERROR([sys/single_threaded.h is missing: weir needs glibc 2.32 or later])])
])

dnl --enable-debug[=0..3]: off; cheap checks and fill patterns; asserts and lock ranks;
dnl whole-structure walks. Alone it means 2.
AC_DEFUN([WEIR_ARG_DEBUG], [
  AC_ARG_ENABLE([debug],
    [AS_HELP_STRING([--enable-debug@<:@=LEVEL@:>@],
      [0 none (default), 1 fill patterns, writes after free and cheap checks, 2 asserts and
       lock ranks, 3 whole-structure walks; alone 2])],
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

dnl --enable-hardened: the CPU allocator, and what is made below it, is hardened
dnl where the environment (WEIR_HARDENED) does not say otherwise.
AC_DEFUN([WEIR_ARG_HARDENED], [
  AC_ARG_ENABLE([hardened],
    [AS_HELP_STRING([--enable-hardened], [contexts are hardened by default])],
    [weir_hardened=$enableval], [weir_hardened=no])
  AS_IF([test "$weir_hardened" != no],
    [AC_DEFINE([WEIR_HARDENED_BUILD], [1], [Contexts are hardened by default.])])
])

dnl --with-backing=jemalloc|system: whether to build libweir-jemalloc. It is made
dnl of libjemalloc_pic.a, found where the compiler finds libraries or named by
dnl JEMALLOC_ARCHIVE.
AC_DEFUN([WEIR_ARG_BACKING], [
  AC_ARG_WITH([backing],
    [AS_HELP_STRING([--with-backing=jemalloc|system],
      [where slabs come from: jemalloc (default) or only mmap])],
    [], [with_backing=jemalloc])
  AC_ARG_VAR([JEMALLOC_ARCHIVE], [path of a position-independent static jemalloc])
  WEIR_WITH_JEMALLOC=0
  WEIR_JEMALLOC_CFLAGS=
  WEIR_JEMALLOC_LIBS=
  AS_CASE([$with_backing],
    [jemalloc],
      [WEIR_FIND_JEMALLOC
       WEIR_WITH_JEMALLOC=1
       WEIR_JEMALLOC_CFLAGS=-DWEIR_LINK_JEMALLOC
       WEIR_JEMALLOC_LIBS="-Wl,--push-state,--as-needed -lweir-jemalloc -Wl,--pop-state"],
    [system], [],
    [AC_MSG_ERROR([--with-backing takes jemalloc or system, not "$with_backing"])])
  AC_SUBST([WEIR_WITH_JEMALLOC])
  AC_SUBST([WEIR_JEMALLOC_CFLAGS])
  AC_SUBST([WEIR_JEMALLOC_LIBS])
  AM_CONDITIONAL([WITH_JEMALLOC], [test "$WEIR_WITH_JEMALLOC" = 1])
])

AC_DEFUN([WEIR_FIND_JEMALLOC], [
  AC_CHECK_TOOL([OBJCOPY], [objcopy])
  AC_MSG_CHECKING([for libjemalloc_pic.a])
  AS_IF([test -z "$JEMALLOC_ARCHIVE"],
    [JEMALLOC_ARCHIVE=`$CC -print-file-name=libjemalloc_pic.a`])
  AS_IF([test -f "$JEMALLOC_ARCHIVE"], [AC_MSG_RESULT([$JEMALLOC_ARCHIVE])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([jemalloc's libjemalloc_pic.a is missing: install libjemalloc-dev
(./bootstrap --install-deps does), name the archive with JEMALLOC_ARCHIVE=FILE, or
choose ./configure --with-backing=system])])
  AC_MSG_CHECKING([whether it is a jemalloc 5 with the settings weir needs])
  weir_saved_libs=$LIBS
  LIBS="$JEMALLOC_ARCHIVE -lm -lpthread $LIBS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <jemalloc/jemalloc.h>
#if JEMALLOC_VERSION_MAJOR < 5 || (JEMALLOC_VERSION_MAJOR == 5 && JEMALLOC_VERSION_MINOR < 3)
#error too old
#endif]], [[void *p = mallocx(4096, MALLOCX_ALIGN(4096)); dallocx(p, 0);]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$JEMALLOC_ARCHIVE with its <jemalloc/jemalloc.h> is no jemalloc 5.3 or later
with an unprefixed mallocx; choose another with JEMALLOC_ARCHIVE=FILE or
./configure --with-backing=system])])
  LIBS=$weir_saved_libs
])

dnl --with-valgrind: tell memcheck of blocks. Two headers at build time, nothing else.
AC_DEFUN([WEIR_ARG_VALGRIND], [
  AC_ARG_WITH([valgrind],
    [AS_HELP_STRING([--with-valgrind=yes|no|auto],
      [see that a program runs under valgrind and serve its blocks so that valgrind
       watches them; needs its headers (default: auto)])],
    [], [with_valgrind=auto])
  AS_CASE([$with_valgrind], [yes|no|auto], [],
    [AC_MSG_ERROR([--with-valgrind takes yes, no or auto, not "$with_valgrind"])])
  weir_have_valgrind=no
  AS_IF([test "$with_valgrind" != no],
    [AC_CHECK_HEADERS([valgrind/valgrind.h valgrind/memcheck.h], [weir_have_valgrind=yes],
       [weir_have_valgrind=no
        break])])
  AS_IF([test "$with_valgrind:$weir_have_valgrind" = yes:no],
    [AC_MSG_ERROR([valgrind/memcheck.h was not found: install valgrind, or leave out
--with-valgrind])])
  AS_IF([test "$weir_have_valgrind" = yes], [weir_valgrind=1], [weir_valgrind=0])
  AC_DEFINE_UNQUOTED([WEIR_VALGRIND], [$weir_valgrind],
    [Are the headers of valgrind there, and wanted?])
])

dnl The harness of tests/unit, tests/api and tests/device (tests/helpers/suite.h): Criterion, or our own
dnl with --without-criterion, where Criterion is not installed, and where it cannot go: under
dnl ThreadSanitizer and on another machine.
AC_DEFUN([WEIR_ARG_CRITERION], [
  AC_ARG_WITH([criterion],
    [AS_HELP_STRING([--without-criterion], [run the tests in a harness of our own])],
    [], [with_criterion=yes])
  weir_have_criterion=no
  AS_CASE([$weir_sanitizer], [*thread*], [with_criterion=no])
  AS_IF([test "$cross_compiling" = yes], [with_criterion=no])
  AS_IF([test "$with_criterion" != no],
    [PKG_CHECK_MODULES([CRITERION], [criterion],
      [weir_have_criterion=yes
       CRITERION_CFLAGS="$CRITERION_CFLAGS -DWEIR_CRITERION"], [:])])
  AS_IF([test "$weir_have_criterion" = yes],
    [weir_harness=Criterion], [weir_harness="tests/helpers/harness.h"])
  AM_CONDITIONAL([HAVE_CRITERION], [test "$weir_have_criterion" = yes])
])

dnl zlib: the weir command reads compressed traces and tables. The library does not use it.
AC_DEFUN([WEIR_FIND_ZLIB], [
  AC_ARG_ENABLE([tools],
    [AS_HELP_STRING([--disable-tools], [do not build the weir command (which needs zlib)])],
    [], [enable_tools=yes])
  ZLIB_LIBS=-lz
  AS_IF([test "$enable_tools" != no], [
    AC_CHECK_HEADER([zlib.h],
      [AC_CHECK_LIB([z], [gzread], [weir_have_zlib=yes], [weir_have_zlib=no])],
      [weir_have_zlib=no])
    AS_IF([test $weir_have_zlib = no],
      [AC_MSG_ERROR([the weir command needs zlib: install it (zlib1g-dev, zlib-devel;
./bootstrap --install-deps does it), or leave the command out with --disable-tools])])])
  AC_SUBST([ZLIB_LIBS])
  AM_CONDITIONAL([TOOLS], [test "$enable_tools" != no])
])

dnl WEIR_CHECK_LINKS(NAME, VARIABLE, FUNCTION): weir_have_NAME=no and no $VARIABLE where that does not
dnl link: a cross build's pkg-config may answer for the building machine.
AC_DEFUN([WEIR_CHECK_LINKS], [
  AS_IF([test $weir_have_$1 = yes], [
    weir_saved_libs=$LIBS
    LIBS="$$2 $LIBS"
    AC_MSG_CHECKING([whether $1 links])
    AC_LINK_IFELSE([AC_LANG_CALL([], [$3])], [], [weir_have_$1=no $2=])
    AC_MSG_RESULT([$weir_have_$1])
    LIBS=$weir_saved_libs
  ])
])

dnl WEIR_FIND_LIBDW: elfutils, for lines and inlined functions in reports. Without it they are not
dnl known; names are.
AC_DEFUN([WEIR_FIND_LIBDW], [
  AC_ARG_WITH([libdw],
    [AS_HELP_STRING([--without-libdw], [do not use elfutils for lines of source in reports])],
    [], [with_libdw=check])
  weir_have_libdw=no
  AS_IF([test "$with_libdw" != no && test "$enable_tools" != no], [
    PKG_CHECK_MODULES([LIBDW], [libdw >= 0.173], [weir_have_libdw=yes], [weir_have_libdw=no])
    WEIR_CHECK_LINKS([libdw], [LIBDW_LIBS], [dwfl_begin])
    AS_IF([test "$with_libdw" = yes && test $weir_have_libdw = no],
      [AC_MSG_ERROR([--with-libdw, but libdw (libdw-dev, elfutils-devel) was not found])])])
  AM_CONDITIONAL([HAVE_LIBDW], [test $weir_have_libdw = yes])
])

dnl WEIR_FIND_MICROHTTPD: libmicrohttpd, for libweir-metrics and `weir run --metrics`.
AC_DEFUN([WEIR_FIND_MICROHTTPD], [
  AC_ARG_WITH([microhttpd],
    [AS_HELP_STRING([--without-microhttpd], [do not serve metrics over HTTP])],
    [], [with_microhttpd=check])
  weir_have_microhttpd=no
  AS_IF([test "$with_microhttpd" != no], [
    PKG_CHECK_MODULES([MICROHTTPD], [libmicrohttpd >= 0.9.71],
      [weir_have_microhttpd=yes], [weir_have_microhttpd=no])
    WEIR_CHECK_LINKS([microhttpd], [MICROHTTPD_LIBS], [MHD_start_daemon])
    AS_IF([test $weir_have_microhttpd = yes], [AC_DEFINE([HAVE_MICROHTTPD], [1], [Is there libmicrohttpd?])])
    AS_IF([test "$with_microhttpd" = yes && test $weir_have_microhttpd = no],
      [AC_MSG_ERROR([--with-microhttpd, but libmicrohttpd (libmicrohttpd-dev) was not found])])])
  AM_CONDITIONAL([WITH_METRICS], [test $weir_have_microhttpd = yes])
])

dnl WEIR_FIND_DEMANGLER: __cxa_demangle, of the C++ runtime that is there; of GCC's the archive
dnl without the library around it. Without one, names of C++ stay mangled.
AC_DEFUN([WEIR_FIND_DEMANGLER], [
  weir_have_demangler=no
  weir_saved_libs=$LIBS
  AS_IF([test "$enable_tools" != no],
    [AC_SEARCH_LIBS([__cxa_demangle], [supc++ c++abi stdc++], [weir_have_demangler=yes])])
  AS_IF([test $weir_have_demangler = yes],
    [AC_DEFINE([HAVE_DEMANGLE], [1], [Is there __cxa_demangle?])
     AS_CASE([$ac_cv_search___cxa_demangle], [-l*],
       [AC_SUBST([DEMANGLE_LIBS], [$ac_cv_search___cxa_demangle])])])
  LIBS=$weir_saved_libs
])
