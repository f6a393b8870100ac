# src/backing: the table and the system's provider in libweir, jemalloc's in a
# library of its own.

weir_core_sources += src/backing/backing.c src/backing/backing.h src/backing/malloc.c src/backing/meta.c \
	src/backing/meta.h src/backing/system.c

EXTRA_DIST += src/backing/jemalloc.c src/backing/jemalloc.map

if WITH_JEMALLOC

pkgconfig_DATA += weir-jemalloc.pc

# The glue alone; jemalloc joins it below, once for each kind of library.
noinst_LTLIBRARIES += libweir-jemalloc-glue.la
libweir_jemalloc_glue_la_SOURCES = src/backing/jemalloc.c src/os/pages.c
libweir_jemalloc_glue_la_CFLAGS = $(AM_CFLAGS) $(WEIR_LIBRARY_CFLAGS) -DWEIR_GLUE -fvisibility=default

if SHARED
lib_LTLIBRARIES += libweir-jemalloc.la
libweir_jemalloc_la_SOURCES =
libweir_jemalloc_la_LIBADD = libweir-jemalloc-glue.la
# -shared: libtool's static library would lack jemalloc; ours is made below.
libweir_jemalloc_la_LDFLAGS = $(AM_LDFLAGS) -shared -version-info $(WEIR_LIBTOOL_VERSION) \
	-no-undefined -Wl,--version-script=$(top_srcdir)/src/backing/jemalloc.map \
	-Wl,-Bsymbolic -Wl,$(JEMALLOC_ARCHIVE),-lm
EXTRA_libweir_jemalloc_la_DEPENDENCIES = $(top_srcdir)/src/backing/jemalloc.map
weir_jemalloc_lib = libweir-jemalloc.la
else
weir_jemalloc_lib = libweir-jemalloc.a -lm
endif

if STATIC
# One object of glue and jemalloc, every other name made local.
weirlibdir = $(libdir)
weirlib_DATA = libweir-jemalloc.a
CLEANFILES += libweir-jemalloc.a libweir-jemalloc.o

libweir-jemalloc.a: libweir-jemalloc-glue.la
	$(AM_V_GEN)rm -f $@ libweir-jemalloc.o
	$(AM_V_at)$(CC) $(CFLAGS) -r -nostdlib -o libweir-jemalloc.o -Wl,--whole-archive \
		.libs/libweir-jemalloc-glue.a -Wl,--no-whole-archive $(JEMALLOC_ARCHIVE)
	$(AM_V_at)$(OBJCOPY) --keep-global-symbol=weir_backing_jemalloc \
		--keep-global-symbol=weir_link_jemalloc libweir-jemalloc.o
	$(AM_V_at)$(AR) rcs $@ libweir-jemalloc.o
endif

endif
