# src/object: adds to weir_core_sources.
