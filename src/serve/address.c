/* serve/address.c - see address.h. */
#include "serve/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static bool is_port(const char *text)
{
    return *text && strlen(text) < 6 && !text[strspn(text, "0123456789")] &&
           strtoul(text, NULL, 10) < 65536;
}

static bool address_set(struct weir__address *address, const char *host, size_t length,
                        const char *port)
{
    if (length >= sizeof address->host || !is_port(port))
        return false;
    snprintf(address->host, sizeof address->host, "%.*s", (int)length, host);
    snprintf(address->port, sizeof address->port, "%s", port);
    return true;
}

/* What is within brackets is an address of IPv6, which has its own colons. */
static bool bracketed_parse(const char *text, struct weir__address *address)
{
    const char *end = strchr(text, ']');
    if (!end || end == text + 1 || (end[1] && end[1] != ':'))
        return false;
    return address_set(address, text + 1, (size_t)(end - text - 1),
                       end[1] ? end + 2 : WEIR__METRICS_PORT);
}

bool weir__address_parse(const char *text, struct weir__address *address)
{
    const char *host = WEIR__METRICS_HOST;
    if (!text)
        return address_set(address, host, strlen(host), WEIR__METRICS_PORT);
    if (*text == '[')
        return bracketed_parse(text, address);
    const char *colon = strchr(text, ':');
    if (colon && strchr(colon + 1, ':'))
        return false;
    if (!colon && is_port(text))
        return address_set(address, host, strlen(host), text);
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    if (!length && !colon)
        return false;
    return address_set(address, length ? text : host, length ? length : strlen(host),
                       colon ? colon + 1 : WEIR__METRICS_PORT);
}

static struct addrinfo *address_find(const struct weir__address *address, int flags)
{
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    int error = getaddrinfo(address->host, address->port, &hints, &found);
    if (error == 0)
        return found;
    if (error != EAI_SYSTEM)
        errno = error == EAI_MEMORY ? ENOMEM : EINVAL;
    return NULL;
}

static int listen_at(const struct addrinfo *at)
{
    int on = 1;
    int s = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return -1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s, at->ai_addr, at->ai_addrlen) == 0 && listen(s, 64) == 0)
        return s;
    int error = errno;
    close(s);
    errno = error;
    return -1;
}

int weir__address_listen(const struct weir__address *address)
{
    struct addrinfo *found = address_find(address, AI_PASSIVE);
    int s = found ? listen_at(found) : -1;
    int error = errno;
    if (found)
        freeaddrinfo(found);
    errno = error;
    return s;
}

static int connect_to(const struct addrinfo *at, unsigned timeout_s)
{
    struct timeval patience = {.tv_sec = (time_t)timeout_s};
    int s = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -1;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(s, at->ai_addr, at->ai_addrlen) == 0)
        return s;
    int error = errno;
    close(s);
    errno = error;
    return -1;
}

/* A name may have addresses of which one answers: "localhost". */
int weir__address_connect(const struct weir__address *address, unsigned timeout_s)
{
    struct addrinfo *found = address_find(address, 0);
    int s = -1;
    for (const struct addrinfo *at = found; at && s < 0; at = at->ai_next)
        s = connect_to(at, timeout_s);
    int error = errno;
    if (found)
        freeaddrinfo(found);
    errno = error;
    return s;
}

void weir__address_of(int listener, char *text, size_t size)
{
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    char host[256], port[8];
    *text = '\0';
    if (getsockname(listener, (struct sockaddr *)&own, &length) != 0 ||
        getnameinfo((struct sockaddr *)&own, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
