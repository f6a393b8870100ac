# tests of observe: see tests/local.mk for what a line says.
