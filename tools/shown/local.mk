# tools/shown: what a process under `weir run` shows, for `weir run` and `weir stats --pid`.

shown_sources = tools/shown/figures.c tools/shown/figures.h
