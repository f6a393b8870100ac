/*
 * serve/address.h - the address that metrics are served at, as a user writes it, and the socket
 * that listens there. Owns the meaning of what is left out: 127.0.0.1, and port 9464. Knows nothing
 * of HTTP. No state; any thread.
 */
#ifndef WEIR_SERVE_ADDRESS_H
#define WEIR_SERVE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#define WEIR__METRICS_HOST "127.0.0.1"
#define WEIR__METRICS_PORT "9464"

struct weir__address {
    char host[256], port[8];
};

/* "HOST:PORT", "[HOST]:PORT", ":PORT", "PORT" or "HOST"; false: it is none. NULL: all left out. */
bool weir__address_parse(const char *text, struct weir__address *address);

/* A socket that listens there, closed on exec, not blocking; -1 with errno (EINVAL: no such host).
 */
int weir__address_listen(const struct weir__address *address);

/* A socket that is connected with it, closed on exec; -1 with errno. */
int weir__address_connect(const struct weir__address *address, unsigned timeout_s);

/* Where the socket listens, "127.0.0.1:9464" or "[::1]:9464"; "" where the system does not say. */
void weir__address_of(int listener, char *text, size_t size);

#endif
