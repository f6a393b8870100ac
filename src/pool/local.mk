# src/pool: adds to weir_core_sources.
