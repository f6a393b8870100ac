dnl runtimes.m4 - which inference runtimes there are to build adapters for. None is
dnl needed. Each is chosen by --with-NAME=yes (an error where it is missing), no, or auto
dnl (the default: where the compiler finds it). Nothing is looked for in a home folder.

dnl When cross-compiling, headers of the building machine say nothing: auto means no.
AC_DEFUN([WEIR_FIND_RUNTIMES], [
  WEIR_FIND_XNNPACK
  WEIR_FIND_ONNXRUNTIME
  WEIR_FIND_TORCH
  WEIR_FIND_OPENCV
])

dnl WEIR_ARG_RUNTIME(NAME, WHAT, VALUES): the choice, in with_NAME; weir_have_NAME=no.
AC_DEFUN([WEIR_ARG_RUNTIME], [
  AC_ARG_WITH([$1],
    [AS_HELP_STRING([--with-$1=$3], [build the adapter for $2 (default: auto)])],
    [], [with_$1=auto])
  AS_IF([test "$with_$1,$cross_compiling" = auto,yes], [with_$1=no])
  weir_have_$1=no
])

dnl WEIR_RUNTIME_DONE(NAME, CONDITIONAL, MISSING): yes must have found it.
AC_DEFUN([WEIR_RUNTIME_DONE], [
  AS_CASE([$with_$1,$weir_have_$1],
    [no,*|auto,*|*,yes], [],
    [AC_MSG_ERROR([--with-$1=$with_$1: $3])])
  AM_CONDITIONAL([$2], [test $weir_have_$1 = yes])
])

dnl WEIR_RUNTIME_YES_NO(NAME): refuses any other word.
AC_DEFUN([WEIR_RUNTIME_YES_NO], [
  AS_CASE([$with_$1], [yes|no|auto], [],
    [AC_MSG_ERROR([--with-$1 takes yes, no or auto, not "$with_$1"])])
])

AC_DEFUN([WEIR_FIND_XNNPACK], [
  WEIR_ARG_RUNTIME([xnnpack], [XNNPACK], [yes|no|auto])
  WEIR_RUNTIME_YES_NO([xnnpack])
  AC_ARG_VAR([XNNPACK_LIBS], [linker flags for XNNPACK])
  : "${XNNPACK_LIBS=-lXNNPACK}"
  AS_IF([test "$with_xnnpack" != no],
    [weir_saved_libs=$LIBS
     LIBS="$XNNPACK_LIBS $LIBS"
     AC_CHECK_HEADER([xnnpack.h],
       [AC_MSG_CHECKING([for xnn_initialize in $XNNPACK_LIBS])
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <xnnpack.h>]], [[xnn_initialize(0);]])],
          [weir_have_xnnpack=yes])
        AC_MSG_RESULT([$weir_have_xnnpack])])
     dnl Since 2023 an operator is given its shape before its data.
     AS_IF([test $weir_have_xnnpack = yes],
       [AC_CHECK_FUNCS([xnn_reshape_convolution2d_nhwc_f32])])
     LIBS=$weir_saved_libs])
  WEIR_RUNTIME_DONE([xnnpack], [HAVE_XNNPACK], [xnnpack.h (with pthreadpool.h) or its library
is missing: install libxnnpack-dev and libpthreadpool-dev])
])

dnl ONNX Runtime's C headers, where the compiler looks or in the folder named. Its library
dnl is not needed.
AC_DEFUN([WEIR_FIND_ONNXRUNTIME], [
  WEIR_ARG_RUNTIME([onnxruntime], [ONNX Runtime], [yes|no|auto|DIR])
  AC_ARG_VAR([ORT_CFLAGS], [compiler flags for ONNX Runtime's C headers])
  AS_CASE([$with_onnxruntime],
    [no|yes|auto], [],
    [for weir_folder in "$with_onnxruntime/include" "$with_onnxruntime"; do
       AS_IF([test -f "$weir_folder/onnxruntime_c_api.h"],
         [ORT_CFLAGS=-I`cd "$weir_folder" && pwd`
          break])
     done])
  AS_IF([test "$with_onnxruntime" != no && test -n "$CXX" && test "$CXX" != no],
    [weir_saved_cppflags=$CPPFLAGS
     CPPFLAGS="$CPPFLAGS $ORT_CFLAGS"
     AC_CHECK_HEADER([onnxruntime_c_api.h], [weir_have_onnxruntime=yes])
     CPPFLAGS=$weir_saved_cppflags])
  WEIR_RUNTIME_DONE([onnxruntime], [HAVE_ONNXRUNTIME], [there is no onnxruntime_c_api.h (or no
C++ compiler). scripts/fetch-ort fetches the headers and prints their folder])
])

dnl WEIR_FIND_CXX_RUNTIME(NAME, WHAT, HEADER, CFLAGS): libtorch and OpenCV, whose adapters are
dnl headers.
AC_DEFUN([WEIR_FIND_CXX_RUNTIME], [
  WEIR_ARG_RUNTIME([$1], [$2], [yes|no|auto])
  WEIR_RUNTIME_YES_NO([$1])
  AS_IF([test "$with_$1" != no && test -n "$CXX" && test "$CXX" != no],
    [AC_LANG_PUSH([C++])
     weir_saved_cppflags=$CPPFLAGS
     CPPFLAGS="$CPPFLAGS $4"
     AC_CHECK_HEADER([$3], [weir_have_$1=yes])
     CPPFLAGS=$weir_saved_cppflags
     AC_LANG_POP([C++])])
])

dnl The flags are known either way: tests/scripts/runtimes.sh looks again.
AC_DEFUN([WEIR_FIND_TORCH], [
  AC_ARG_VAR([TORCH_CFLAGS], [compiler flags for libtorch])
  AC_ARG_VAR([TORCH_LIBS], [linker flags for libtorch])
  : "${TORCH_LIBS=-ltorch -ltorch_cpu -lc10}"
  WEIR_FIND_CXX_RUNTIME([torch], [libtorch], [c10/core/CPUAllocator.h], [$TORCH_CFLAGS])
  WEIR_RUNTIME_DONE([torch], [HAVE_TORCH],
    [there is no c10/core/CPUAllocator.h (TORCH_CFLAGS says where): install libtorch-dev])
])

AC_DEFUN([WEIR_FIND_OPENCV], [
  AC_ARG_VAR([OPENCV_CFLAGS], [compiler flags for OpenCV])
  AC_ARG_VAR([OPENCV_LIBS], [linker flags for OpenCV])
  : "${OPENCV_CFLAGS=-I/usr/include/opencv4}"
  : "${OPENCV_LIBS=-lopencv_dnn -lopencv_imgproc -lopencv_core}"
  WEIR_FIND_CXX_RUNTIME([opencv], [OpenCV], [opencv2/dnn.hpp], [$OPENCV_CFLAGS])
  WEIR_RUNTIME_DONE([opencv], [HAVE_OPENCV],
    [there is no opencv2/dnn.hpp (OPENCV_CFLAGS says where): install libopencv-dnn-dev])
])
