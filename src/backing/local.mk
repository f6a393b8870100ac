# src/backing: adds to weir_core_sources.
