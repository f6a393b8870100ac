# tests/mutants: copies of the tree with one fault each, which a test must notice.

EXTRA_DIST += tests/mutants/check-mutants

check-mutants: check-source
	$(timed) $(SHELL) $(top_srcdir)/tests/mutants/check-mutants "$$PWD/check-source"
.PHONY: check-mutants
