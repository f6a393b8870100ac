# src/observe: adds to weir_core_sources.
