# src/device: adds to weir_core_sources.
