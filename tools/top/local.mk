# tools/top: `weir top`.

weir_SOURCES += tools/top/command.c tools/top/rows.c tools/top/rows.h tools/top/scrape.c tools/top/scrape.h
