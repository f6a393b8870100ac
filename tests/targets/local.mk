# tests/targets: the longer checks, a make target each.

EXTRA_DIST += tests/targets/check-cuda \
	tests/targets/check-models \
	tests/targets/check-security \
	tests/targets/record-cost \
	tests/targets/report-cost

check-models:
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-models '$(abs_top_srcdir)'
# Extra allocators: make check-security SECURITY_PEERS=FOLDER, of shared objects.
check-security: tests/security/crimes libweir-malloc.la
	$(timed) env top_builddir='$(abs_top_builddir)' SECURITY_PEERS='$(SECURITY_PEERS)' \
		$(SHELL) $(top_srcdir)/tests/targets/check-security --crimes
.PHONY: check-models check-security
