# tests of device: see tests/local.mk for what a line says.
