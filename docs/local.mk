# docs: the pages that are installed, and the models that `make check-models` searches.

dist_doc_DATA += docs/GLOSSARY.md docs/debugging.md docs/design.md docs/limits.md docs/watermark.md
EXTRA_DIST += docs/models/adoption.pml docs/models/returns.pml docs/models/watermark.pml
