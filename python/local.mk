# python: the package `weir` (ctypes over libweir.so.0), its tests and its wheel. Nothing here is compiled
# but the command that the wheel brings along.

python_package = python/weir/__init__.py python/weir/__main__.py python/weir/_dlpack.py \
	python/weir/_errors.py python/weir/_library.py python/weir/_structs.py python/weir/contexts.py \
	python/weir/figures.py python/weir/leaks.py python/weir/numpy.py python/weir/peaks.py \
	python/weir/plans.py python/weir/py.typed python/weir/pytest_plugin.py python/weir/recording.py \
	python/weir/sites.py python/weir/tags.py python/weir/tensors.py
EXTRA_DIST += $(python_package) python/README.md python/pyproject.toml python/setup.py python/make-wheel python/optional.c \
	python/cost.py python/examples/peak_line.py \
	python/tests/conftest.py python/tests/test_command.py python/tests/test_contexts.py \
	python/tests/test_figures.py python/tests/test_leaks.py python/tests/test_library.py \
	python/tests/test_numpy.py python/tests/test_package.py python/tests/test_peaks.py \
	python/tests/test_plans.py python/tests/test_structs.py python/tests/test_tensors.py

# The command once more, from the same objects, so that it looks for its libraries where it lies itself, and starts
# where libdw and libmicrohttpd are not (python/optional.c has what it calls of them, so they are not needed).
python/optional.$(OBJEXT): $(top_srcdir)/python/optional.c
	$(AM_V_at)$(MKDIR_P) python
	$(AM_V_CC)$(COMPILE) -c -o $@ $(top_srcdir)/python/optional.c
python/weir-command$(EXEEXT): $(weir_OBJECTS) $(weir_DEPENDENCIES) python/optional.$(OBJEXT)
	$(AM_V_CCLD)$(weir_LINK) -Wl,--as-needed '-Wl,-rpath,$$ORIGIN' python/optional.$(OBJEXT) $(weir_OBJECTS) \
		$(weir_LDADD) -ldl $(LIBS)

wheel_parts = libweir.la
if TOOLS
wheel_parts += python/weir-command$(EXEEXT)
endif
if SHARED
wheel_parts += libweir-malloc.la
endif

# A wheel for any Python 3 on this kind of machine, in python/dist; nothing is fetched.
wheel: $(wheel_parts)
	$(AM_V_GEN)STRIP='$(STRIP)' $(SHELL) $(top_srcdir)/python/make-wheel '$(abs_top_srcdir)' '$(abs_top_builddir)'
.PHONY: wheel
