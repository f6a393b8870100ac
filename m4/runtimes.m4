dnl runtimes.m4 - which inference runtimes are there to build adapters for. None is
dnl needed: an adapter whose runtime is missing is left out.

dnl When cross-compiling, headers of the building machine say nothing: only what was
dnl asked for is looked for.
AC_DEFUN([WEIR_FIND_RUNTIMES], [
  WEIR_FIND_XNNPACK
  WEIR_FIND_ONNXRUNTIME
  WEIR_FIND_CXX_RUNTIMES
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

dnl --with-onnxruntime=DIR: where ONNX Runtime's C headers are. By default where the
dnl compiler looks, then in the cache of scripts/fetch-ort. Its library is not needed.
AC_DEFUN([WEIR_FIND_ONNXRUNTIME], [
  AC_ARG_WITH([onnxruntime],
    [AS_HELP_STRING([--with-onnxruntime=DIR],
      [ONNX Runtime's headers, in DIR or DIR/include (default: searched for)])],
    [], [AS_IF([test "$cross_compiling" = yes], [with_onnxruntime=no], [with_onnxruntime=check])])
  ORT_CFLAGS=
  weir_have_onnxruntime=no
  weir_ort_cache=${WEIR_CACHE:-$HOME/.cache/weir}/onnxruntime
  AS_CASE([$with_onnxruntime],
    [no], [],
    [check|yes],
      [AC_CHECK_HEADER([onnxruntime_c_api.h], [weir_have_onnxruntime=yes],
        [AS_IF([test -f "$weir_ort_cache/include/onnxruntime_c_api.h"],
          [weir_have_onnxruntime=yes
           ORT_CFLAGS=-I$weir_ort_cache/include])])],
    [for weir_folder in "$with_onnxruntime/include" "$with_onnxruntime"; do
       AS_IF([test $weir_have_onnxruntime = no && test -f "$weir_folder/onnxruntime_c_api.h"],
         [weir_have_onnxruntime=yes
          ORT_CFLAGS=-I$weir_folder])
     done])
  AS_IF([test "$with_onnxruntime" != no && test "$with_onnxruntime" != check &&
         test $weir_have_onnxruntime = no],
    [AC_MSG_ERROR([ONNX Runtime was asked for but there is no onnxruntime_c_api.h in
"$with_onnxruntime"; scripts/fetch-ort fetches it into $weir_ort_cache])])
  AS_IF([test -z "$CXX" || test "$CXX" = no], [weir_have_onnxruntime=no])
  AC_SUBST([ORT_CFLAGS])
  AM_CONDITIONAL([HAVE_ONNXRUNTIME], [test $weir_have_onnxruntime = yes])
])

dnl libtorch and OpenCV: adapters that are headers, installed where the runtime is. The
dnl flags are known either way: tests/runtimes.sh looks again.
AC_DEFUN([WEIR_FIND_CXX_RUNTIMES], [
  AC_ARG_VAR([TORCH_CFLAGS], [compiler flags for libtorch])
  AC_ARG_VAR([TORCH_LIBS], [linker flags for libtorch])
  AC_ARG_VAR([OPENCV_CFLAGS], [compiler flags for OpenCV])
  AC_ARG_VAR([OPENCV_LIBS], [linker flags for OpenCV])
  : "${TORCH_LIBS=-ltorch -ltorch_cpu -lc10}"
  : "${OPENCV_CFLAGS=-I/usr/include/opencv4}"
  : "${OPENCV_LIBS=-lopencv_dnn -lopencv_imgproc -lopencv_core}"
  weir_have_torch=no
  weir_have_opencv=no
  AS_IF([test "$cross_compiling" != yes && test -n "$CXX" && test "$CXX" != no],
    [AC_LANG_PUSH([C++])
     weir_saved_cppflags=$CPPFLAGS
     CPPFLAGS="$CPPFLAGS $TORCH_CFLAGS"
     AC_CHECK_HEADER([c10/core/CPUAllocator.h], [weir_have_torch=yes])
     CPPFLAGS="$weir_saved_cppflags $OPENCV_CFLAGS"
     AC_CHECK_HEADER([opencv2/core.hpp], [weir_have_opencv=yes])
     CPPFLAGS=$weir_saved_cppflags
     AC_LANG_POP([C++])])
  AM_CONDITIONAL([HAVE_TORCH], [test $weir_have_torch = yes])
  AM_CONDITIONAL([HAVE_OPENCV], [test $weir_have_opencv = yes])
])
