# docs: installed as they lie here, so that the links between them hold.

guidedir = $(docdir)/guide
dist_guide_DATA = \
	docs/guide/contexts.md \
	docs/guide/debugging.md \
	docs/guide/devices.md \
	docs/guide/from-mini-infer.md \
	docs/guide/glossary.md \
	docs/guide/run.md \
	docs/guide/runtimes.md \
	docs/guide/seeing.md \
	docs/guide/tensors.md

internalsdir = $(docdir)/internals
dist_internals_DATA = \
	docs/internals/abi.md \
	docs/internals/api.md \
	docs/internals/design.md \
	docs/internals/measuring.md \
	docs/internals/performance.md \
	docs/internals/planner.md \
	docs/internals/programs.md \
	docs/internals/trace-format.md \
	docs/internals/watermark.md

EXTRA_DIST += docs/models/adoption.pml docs/models/returns.pml docs/models/watermark.pml
