# src/plan: adds to weir_core_sources.
