# tests/targets: the longer checks, a make target each.

EXTRA_DIST += tests/targets/check-cuda \
	tests/targets/check-models \
	tests/targets/record-cost \
	tests/targets/report-cost

check-models:
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-models '$(abs_top_srcdir)'
.PHONY: check-models

# A real Prometheus server scrapes what is served, and answers.
check-prometheus: all tests/loads/metrics$(EXEEXT)
	$(timed) $(SHELL) $(top_srcdir)/tests/targets/check-prometheus
.PHONY: check-prometheus
EXTRA_DIST += tests/targets/check-prometheus
