# src/track: adds to weir_core_sources.
