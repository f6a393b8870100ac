# tests of preload: see tests/local.mk for what a line says.
