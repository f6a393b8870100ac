# cmake: what find_package(weir) reads. Made here and not by configure, because the
# folders are known to make alone.

cmakedir = $(libdir)/cmake/weir
nodist_cmake_DATA = cmake/weir-config.cmake cmake/weir-config-version.cmake
EXTRA_DIST += cmake/weir-config.cmake.in cmake/weir-config-version.cmake.in
CLEANFILES += $(nodist_cmake_DATA)

cmake/weir-config.cmake: $(top_srcdir)/cmake/weir-config.cmake.in Makefile
	$(AM_V_at)$(MKDIR_P) cmake
	$(AM_V_GEN)sed "s|@INCLUDE_FROM_LIB[@]|`realpath -m --relative-to='$(libdir)' '$(includedir)'`|" \
		$(top_srcdir)/cmake/weir-config.cmake.in >$@

cmake/weir-config-version.cmake: $(top_srcdir)/cmake/weir-config-version.cmake.in Makefile
	$(AM_V_at)$(MKDIR_P) cmake
	$(AM_V_GEN)sed -e 's|@PACKAGE_VERSION[@]|$(PACKAGE_VERSION)|' \
		-e 's|@WEIR_VERSION_MAJOR[@]|$(WEIR_VERSION_MAJOR)|' \
		-e 's|@WEIR_VERSION_MINOR[@]|$(WEIR_VERSION_MINOR)|' -e 's|@SIZEOF_POINTER[@]|8|' \
		$(top_srcdir)/cmake/weir-config-version.cmake.in >$@
