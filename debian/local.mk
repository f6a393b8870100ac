# debian: packages for Debian and what is made of it.

EXTRA_DIST += debian/changelog debian/control debian/copyright debian/rules debian/source/format \
	debian/libweir-dev.install debian/libweir-malloc0.install debian/libweir-metrics0.install \
	debian/libweir-metrics0.symbols debian/libweir0.install debian/libweir0.symbols \
	debian/weir-tools.install tests/targets/deb tests/targets/check-deb \
	tests/outside/packages.sh

# The packages of this machine's Debian, in check-build-deb/, built in a copy of the source.
deb: check-source
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/deb check-source check-build-deb

# The same in a Debian 12 and a Debian 13 of its own, installed in fresh ones and used there; for root.
check-deb: check-source
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-deb check-source $(CHROOTS_FOLDER)

.PHONY: deb check-deb
