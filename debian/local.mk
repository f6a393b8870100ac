# debian: packages for Debian and what is made of it.

EXTRA_DIST += debian/changelog debian/control debian/copyright debian/rules debian/source/format \
	debian/libweir-dev.install debian/libweir-malloc0.install debian/libweir-metrics0.install \
	debian/libweir-metrics0.symbols debian/libweir0.install debian/libweir0.symbols \
	debian/python3-weir.examples debian/weir-tools.install tests/targets/deb tests/targets/deb-look tests/targets/check-deb \
	tests/targets/dockerfile.py tests/outside/packages.sh tests/outside/python_module.py \
	tests/outside/python_suite.py

# The packages of this machine's Debian, in check-build-deb/, built in a copy of the source.
deb: check-source
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/deb check-source check-build-deb

# Those for aarch64, by Debian's cross compilers, in check-build-deb-arm64/.
deb-arm64: check-source
	$(timed) env WEIR_DEB_ARCH=arm64 $(SHELL) $(top_srcdir)/tests/targets/deb check-source check-build-deb-arm64

# The same in a Debian 12 and a Debian 13 of its own, installed in fresh ones and used there; for root.
# DEB_SUITES=trixie: that alone; DEB_STEPS='packages_build packages_use': these alone.
check-deb: check-source
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-deb check-source $(CHROOTS_FOLDER)

.PHONY: deb deb-arm64 check-deb
