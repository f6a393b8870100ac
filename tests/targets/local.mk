# tests/targets: the longer checks, a make target each.

EXTRA_DIST += tests/targets/check-cuda \
	tests/targets/check-models \
	tests/targets/check-security \
	tests/targets/check-report \
	tests/targets/record-cost \
	tests/targets/report-cost \
	tests/targets/sample-report

check-models:
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-models '$(abs_top_srcdir)'
.PHONY: check-models

# Extra allocators: make check-security SECURITY_PEERS=FOLDER, of shared objects.
check-security: tests/security/crimes libweir-malloc.la
	$(timed) env top_builddir='$(abs_top_builddir)' SECURITY_PEERS='$(SECURITY_PEERS)' \
		$(SHELL) $(top_srcdir)/tests/targets/check-security --crimes
.PHONY: check-security

# The report of eight kinds of programs, in Chromium, by axe-core, and its exports by the tools that
# they are for. REPORT_FOLDER: pages and pictures stay there.
REPORT_FOLDER =
check-report: all tests/loads/report_program$(EXEEXT)
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-report '$(abs_top_builddir)' '$(abs_top_srcdir)' $(REPORT_FOLDER)
.PHONY: check-report

# A real Prometheus server scrapes what is served, and answers.
check-prometheus: all tests/loads/metrics$(EXEEXT)
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-prometheus
.PHONY: check-prometheus
EXTRA_DIST += tests/targets/check-prometheus
