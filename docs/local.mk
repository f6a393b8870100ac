# docs: installed as they lie here, so that the links between them hold.

guidedir = $(docdir)/guide
dist_guide_DATA = \
	docs/guide/README.md \
	docs/guide/containers.md \
	docs/guide/contexts.md \
	docs/guide/cxx.md \
	docs/guide/debugging.md \
	docs/guide/devices.md \
	docs/guide/environment.md \
	docs/guide/fleet.md \
	docs/guide/from-mini-infer.md \
	docs/guide/glossary.md \
	docs/guide/hardened.md \
	docs/guide/metrics.md \
	docs/guide/planning.md \
	docs/guide/pools.md \
	docs/guide/python.md \
	docs/guide/run.md \
	docs/guide/runtimes.md \
	docs/guide/seeing.md \
	docs/guide/start.md \
	docs/guide/tensors.md

internalsdir = $(docdir)/internals
dist_internals_DATA = \
	docs/internals/README.md \
	docs/internals/abi.md \
	docs/internals/api.md \
	docs/internals/debugging.md \
	docs/internals/design.md \
	docs/internals/measuring.md \
	docs/internals/packages.md \
	docs/internals/guards.md docs/internals/hardening.md docs/internals/page-heap.md \
	docs/internals/performance.md \
	docs/internals/planner.md \
	docs/internals/programs.md \
	docs/internals/run.md \
	docs/internals/style.md \
	docs/internals/trace-format.md \
	docs/internals/watermark.md

resultsdir = $(docdir)/results
dist_results_DATA = \
	docs/results/devices.md \
	docs/results/performance.md \
	docs/results/planner.md \
	docs/results/programs.md \
	docs/results/runtimes.md

picturesdir = $(docdir)/pictures
dist_pictures_DATA = docs/pictures/report.png docs/pictures/traces.svg

samplesdir = $(docdir)/samples
dist_samples_DATA = docs/samples/service.html

# For Prometheus and Grafana.
metricsdir = $(docdir)/metrics
dist_metrics_DATA = \
	docs/metrics/weir-dashboard.json \
	docs/metrics/weir-rules-test.yml \
	docs/metrics/weir-rules.yml

EXTRA_DIST += docs/models/adoption.pml docs/models/returns.pml docs/models/watermark.pml

# The sample of a report, and the picture of its first screen, made anew: needs chromium and python3.
sample-report: all tests/loads/report_program$(EXEEXT)
	$(SHELL) $(top_srcdir)/tests/targets/sample-report '$(abs_top_builddir)' '$(abs_top_srcdir)'
.PHONY: sample-report
