# tests of tools: see tests/local.mk for what a line says.
