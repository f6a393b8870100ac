/* serve/http.c - see http.h. */
#include "serve/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS    16u
#define PATIENCE   10u /* seconds */
#define MOST_ASKED 100000u
#define PIECE      ((size_t)64 * 1024)
#define WAITING    ((size_t)64 << 20)
#define SMALL      ((size_t)1 << 20)

struct client {
    int socket; /* -1: the place is free */
    time_t since;
};

/* What changes is the serving thread's. */
struct weir__http {
    struct MHD_Daemon *daemon;
    const struct weir__http_page *pages;
    void *user;
    size_t waiting; /* bytes of answers that were not sent yet */
    struct client clients[CLIENTS + 1];
};

/* -- clients --------------------------------------------------------------------------------- */

static time_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec;
}

static struct client *client_find(struct weir__http *http, int socket)
{
    for (size_t i = 0; i <= CLIENTS; i++)
        if (http->clients[i].socket == socket)
            return &http->clients[i];
    return NULL;
}

/* Every place is taken. The oldest goes if it had its time, else the one that came last. */
static void client_refuse(struct weir__http *http, struct client *last)
{
    struct client *oldest = last;
    for (size_t i = 0; i <= CLIENTS; i++)
        if (http->clients[i].since < oldest->since)
            oldest = &http->clients[i];
    if (oldest->since + (time_t)PATIENCE > last->since)
        oldest = last;
    shutdown(oldest->socket, SHUT_RDWR);
}

static void client_note(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code)
{
    struct weir__http *http = user;
    int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    bool came = code == MHD_CONNECTION_NOTIFY_STARTED;
    struct client *client = client_find(http, came ? -1 : socket);
    (void)context;
    if (!client)
        return;
    *client = (struct client){came ? socket : -1, came ? now() : 0};
    if (came && !client_find(http, -1))
        client_refuse(http, client);
}

/* -- answers --------------------------------------------------------------------------------- */

/* A text on its way to a client. */
struct sending {
    struct weir__http *http;
    char *text;
    size_t length;
};

static ssize_t sending_read(void *user, uint64_t at, char *to, size_t most)
{
    const struct sending *sending = user;
    size_t left = sending->length - (size_t)at, n = most < left ? most : left;
    memcpy(to, sending->text + at, n);
    return (ssize_t)n;
}

static void sending_free(void *user)
{
    struct sending *sending = user;
    sending->http->waiting -= sending->length;
    free(sending->text);
    free(sending);
}

/* Takes the text, also where it fails. */
static struct MHD_Response *response_make(struct weir__http *http,
                                          const struct weir__http_answer *answer)
{
    struct sending *sending = malloc(sizeof *sending);
    if (!sending) {
        free(answer->text);
        return NULL;
    }
    *sending = (struct sending){http, answer->text, answer->length};
    http->waiting += answer->length;
    struct MHD_Response *response = MHD_create_response_from_callback(
        answer->length, PIECE, sending_read, sending, sending_free);
    if (!response)
        sending_free(sending);
    return response;
}

static enum MHD_Result answer_send(struct weir__http *http, struct MHD_Connection *connection,
                                   unsigned status, const struct weir__http_answer *answer)
{
    struct MHD_Response *response = response_make(http, answer);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result complaint_send(struct weir__http *http, struct MHD_Connection *connection,
                                      unsigned status, const char *text)
{
    struct weir__http_answer answer = {.length = strlen(text), .type = "text/plain"};
    answer.text = strdup(text);
    return answer.text ? answer_send(http, connection, status, &answer) : MHD_NO;
}

/* 0: not said, or not a number. */
static size_t number_asked(struct MHD_Connection *connection, const char *name)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    unsigned long number = digits && digits < 7 && !text[digits] ? strtoul(text, NULL, 10) : 0;
    return number <= MOST_ASKED ? number : MOST_ASKED;
}

static enum MHD_Result page_send(struct weir__http *http, const struct weir__http_page *page,
                                 struct MHD_Connection *connection)
{
    struct weir__http_answer answer = {.type = WEIR__HTTP_TEXT};
    const char *takes =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    const struct weir__http_request request = {
        .openmetrics = takes && strstr(takes, "application/openmetrics-text"),
        .contexts = number_asked(connection, "contexts"),
        .tags = number_asked(connection, "tags")};
    int error = page->write(&request, &answer, http->user);
    if (error)
        return complaint_send(http, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, strerror(error));
    if (answer.length <= SMALL || answer.length + http->waiting <= WAITING)
        return answer_send(http, connection, MHD_HTTP_OK, &answer);
    free(answer.text);
    return complaint_send(http, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                          "others do not read what they asked for\n");
}

/* Called when the head of a request is there, and once more when its body is. */
static enum MHD_Result request_answer(void *user, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *body, size_t *body_size, void **state)
{
    static char seen;
    struct weir__http *http = user;
    (void)version, (void)body;
    bool first = !*state;
    *state = &seen;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return first ? complaint_send(http, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                                      "only GET and HEAD\n")
                     : MHD_NO; /* its body is not read */
    if (first || *body_size) {
        *body_size = 0;
        return MHD_YES;
    }
    for (const struct weir__http_page *page = http->pages; page->path; page++)
        if (strcmp(url, page->path) == 0)
            return page_send(http, page, connection);
    return complaint_send(http, connection, MHD_HTTP_NOT_FOUND, "no such page; /metrics is one\n");
}

/* The thread takes the signals of the program from none of the threads. */
static struct MHD_Daemon *daemon_start(struct weir__http *http, int listener, unsigned flags)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, request_answer, http, MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_CONNECTION_LIMIT, CLIENTS + 1, MHD_OPTION_CONNECTION_TIMEOUT, PATIENCE,
        MHD_OPTION_NOTIFY_CONNECTION, client_note, http, MHD_OPTION_END);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return daemon;
}

/* libmicrohttpd closes a listener with which it cannot start, from 1.0 on, and its number may be
 * another thread's file by then. `copy` is a second descriptor of the listener. */
static void listener_close(int listener, int copy)
{
    struct stat one, other;
    if (copy < 0 || (fstat(listener, &one) == 0 && fstat(copy, &other) == 0 &&
                     one.st_ino == other.st_ino && one.st_dev == other.st_dev))
        close(listener);
}

static bool http_start(struct weir__http *http, int listener, bool thread)
{
    int copy = fcntl(listener, F_DUPFD_CLOEXEC, 0), error = errno;
    if (copy >= 0) {
        errno = 0;
        http->daemon =
            daemon_start(http, listener,
                         MHD_USE_EPOLL | (thread ? (unsigned)MHD_USE_INTERNAL_POLLING_THREAD : 0));
        error = errno ? errno : EAGAIN;
    }
    if (!http->daemon)
        listener_close(listener, copy);
    if (copy >= 0)
        close(copy);
    errno = error;
    return http->daemon;
}

struct weir__http *weir__http_start(int listener, const struct weir__http_page *pages, void *user,
                                    bool thread)
{
    struct weir__http *http = malloc(sizeof *http);
    if (!http) {
        close(listener);
        errno = ENOMEM;
        return NULL;
    }
    *http = (struct weir__http){.pages = pages, .user = user};
    for (size_t i = 0; i <= CLIENTS; i++)
        http->clients[i].socket = -1;
    if (http_start(http, listener, thread))
        return http;
    int error = errno;
    free(http);
    errno = error;
    return NULL;
}

int weir__http_descriptor(const struct weir__http *http)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

void weir__http_run(struct weir__http *http)
{
    MHD_run(http->daemon);
}

void weir__http_stop(struct weir__http *http)
{
    MHD_stop_daemon(http->daemon);
    free(http);
}
