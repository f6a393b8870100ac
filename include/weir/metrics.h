/*
 * metrics.h - a running program's figures over HTTP, for a scraper: libweir-metrics, a library
 * apart (pkg-config weir-metrics), because it stands on libmicrohttpd. Not part of weir.h.
 *
 * One server a process, on a thread that weir makes and that blocks all signals. It answers
 *
 *     GET /metrics    weir_stats_exposition: OpenMetrics where the client takes it, else the text
 *                     format. /metrics?contexts=50&tags=10 has fewer lines, or more.
 *     GET /debug/pprof/heap    weir_profile_write: profile.proto, of what weir_profile_sample
 *                     (or WEIR_SAMPLE) has sampled; its sums are 0 while nothing is sampled.
 *
 * Environment: WEIR_METRICS=ADDRESS starts it with the program, before main; ignored in setuid
 * programs. What cannot be done is said in one line on standard error, and the program goes on. A
 * child made by fork does not serve: its parent does; it may call weir_metrics_serve.
 *
 * Thread rule: any thread, also at the same time.
 */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include <weir/export.h>

WEIR_BEGIN_DECLS

/*
 * Serves at `address`: "127.0.0.1:9464", "[::1]:9464", "localhost:9464", or ":9464" or "9464",
 * which are on 127.0.0.1; port 0 is any that is free. NULL: "127.0.0.1:9464". Everybody who reaches
 * the address can read the figures, so all but loopback must be named: "0.0.0.0:9464". 0; EINVAL:
 * not an address; EALREADY: this process serves; else what the system said (EADDRINUSE, EACCES,
 * ...).
 */
WEIR_API int weir_metrics_serve(const char *address) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Where it is served, "127.0.0.1:9464", into the buffer. 0; ENOENT: it is not; ENOSPC: it was cut.
 */
WEIR_API int weir_metrics_address(char *buffer, size_t size) WEIR_NOEXCEPT WEIR_WRITES(1, 2);

/* Ends the server and its thread; answers under way are cut. Nothing, where there is none. */
WEIR_API void weir_metrics_stop(void) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
