# tests of plan: see tests/local.mk for what a line says.
