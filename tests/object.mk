# tests of object: see tests/local.mk for what a line says.
