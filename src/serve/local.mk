# src/serve: figures over HTTP. libweir-metrics is for programs; `weir run --metrics` has the same sources.

serve_sources = src/serve/address.c src/serve/address.h src/serve/http.c src/serve/http.h
if WITH_METRICS
lib_LTLIBRARIES += libweir-metrics.la
pkginclude_HEADERS += include/weir/metrics.h
libweir_metrics_la_SOURCES = src/serve/metrics.c $(serve_sources)
libweir_metrics_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden $(MICROHTTPD_CFLAGS)
libweir_metrics_la_LIBADD = libweir.la $(MICROHTTPD_LIBS) -lpthread
libweir_metrics_la_LDFLAGS = $(AM_LDFLAGS) -version-info $(WEIR_LIBTOOL_VERSION) -no-undefined \
	-Wl,--version-script=$(top_srcdir)/src/serve/metrics.map -Wl,-z,nodelete -Wl,-z,now
EXTRA_libweir_metrics_la_DEPENDENCIES = $(top_srcdir)/src/serve/metrics.map
endif
EXTRA_DIST += src/serve/metrics.map include/weir/metrics.h
