# tests/mutants: copies of the tree with one fault each, which a test must notice.

EXTRA_DIST += tests/mutants/check-mutants tests/mutants/equivalent tests/mutants/operators.py tests/mutants/sample

check-mutants: check-source
	$(timed) $(SHELL) $(top_srcdir)/tests/mutants/check-mutants "$$PWD/check-source"
.PHONY: check-mutants

# MUTANTS_NUMBER random mutants of each of MUTANTS_LAYERS, the same for the same MUTANTS_SEED.
MUTANTS_NUMBER = 12
MUTANTS_SEED = 16
MUTANTS_LAYERS = base os backing unwind pool track device_pool alloc object device plan observe serve
MUTANTS_SHARE = 95
mutants-sample:
	$(timed) python3 '$(abs_top_srcdir)/tests/mutants/sample' '$(abs_top_srcdir)' mutants-build \
		--number '$(MUTANTS_NUMBER)' --seed '$(MUTANTS_SEED)' --layers '$(MUTANTS_LAYERS)' \
		--share '$(MUTANTS_SHARE)'
.PHONY: mutants-sample
