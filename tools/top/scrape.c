/* tools/top/scrape.c - see scrape.h. */
#include "tools/top/scrape.h"

#include "serve/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 5                  /* seconds for each step */
#define MOST     ((size_t)64 << 20) /* bytes; more is no exposition */

static char *fail(char why[128], const char *what)
{
    snprintf(why, 128, "%s", what);
    return NULL;
}

static bool request_send(int to, const struct weir__address *address)
{
    char text[400];
    int n = snprintf(text, sizeof text,
                     "GET /metrics HTTP/1.0\r\nHost: %s:%s\r\nAccept: text/plain\r\n\r\n",
                     address->host, address->port);
    return send(to, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* All until the other side closes; ends in a NUL. */
static char *answer_read(int from, char why[128])
{
    size_t length = 0, size = 1 << 16;
    char *text = malloc(size);
    ssize_t n = 1;
    while (text && n > 0 && length < MOST) {
        n = recv(from, text + length, size - length - 1, 0);
        length += n > 0 ? (size_t)n : 0;
        if (size - length < 4096) {
            char *more = realloc(text, size *= 2);
            if (!more)
                free(text);
            text = more;
        }
    }
    if (text && n == 0) {
        text[length] = '\0';
        return text;
    }
    free(text);
    return fail(why, !text ? "no memory" : n < 0 ? strerror(errno) : "it does not end");
}

/* The body of "HTTP/1.1 200 OK", moved to the beginning. */
static char *body_of(char *answer, char why[128])
{
    char *body = strstr(answer, "\r\n\r\n"), *status = strchr(answer, ' ');
    if (strncmp(answer, "HTTP/1.", 7) != 0 || !body || !status || status > body)
        return fail(why, "what answers there speaks no HTTP");
    if (atoi(status + 1) != 200) {
        snprintf(why, 128, "it answers%.*s", (int)strcspn(status, "\r\n"), status);
        return NULL;
    }
    return memmove(answer, body + 4, strlen(body + 4) + 1);
}

char *scrape(const char *text, char why[128])
{
    struct weir__address address;
    if (!weir__address_parse(text, &address))
        return fail(why, "not an address, as 127.0.0.1:9464");
    int connection = weir__address_connect(&address, PATIENCE);
    if (connection < 0)
        return fail(why, errno == ECONNREFUSED
                             ? "nothing is served there (weir run --metrics, weir_metrics_serve)"
                             : strerror(errno));
    char *answer = request_send(connection, &address) ? answer_read(connection, why)
                                                      : fail(why, strerror(errno));
    close(connection);
    char *body = answer ? body_of(answer, why) : NULL;
    if (!body)
        free(answer);
    return body;
}
