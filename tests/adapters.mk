# tests of adapters: see tests/local.mk for what a line says.
