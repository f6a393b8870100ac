# tests of bench: see tests/local.mk for what a line says.
