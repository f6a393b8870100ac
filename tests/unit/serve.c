/*
 * Metrics over HTTP, below weir_metrics_serve: which texts are addresses, what sockets are made of
 * them, and what a client is told. Clients are sockets of this test.
 */
#include "../helpers/suite.h"
#include "serve/address.h"
#include "serve/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- addresses ----------------------------------------------------------------------------------
 */

Test(serve, an_address_is_a_host_a_port_or_both)
{
    static const struct {
        const char *text, *host, *port;
    } cases[] = {{NULL, "127.0.0.1", "9464"},
                 {"10.0.0.1:80", "10.0.0.1", "80"},
                 {"localhost", "localhost", "9464"},
                 {":0", "127.0.0.1", "0"},
                 {":65535", "127.0.0.1", "65535"},
                 {"8080", "127.0.0.1", "8080"},
                 {"65535", "127.0.0.1", "65535"},
                 {"65536", "65536", "9464"},
                 {"00080", "127.0.0.1", "00080"},
                 {"host:00001", "host", "00001"},
                 {"[::1]:90", "::1", "90"},
                 {"[::1]", "::1", "9464"},
                 {"[a]:1", "a", "1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir__address a;
        memset(&a, 'x', sizeof a);
        cr_assert(weir__address_parse(cases[i].text, &a), "%s", cases[i].text);
        cr_expect_str_eq(a.host, cases[i].host, "%s", cases[i].text);
        cr_expect_str_eq(a.port, cases[i].port, "%s", cases[i].text);
    }
}

Test(serve, other_texts_are_none)
{
    static const char *const texts[] = {
        "",        ":",      "host:",   "h:65536",   "h:100000", "h:000001", "h:-1",  "h:+1",
        "h: 1",    "h:1 ",   "h:1:2",   "::1",       "::1:90",   "[::1",     "[]",    "[]:90",
        "[::1]90", "[::1]:", "[::1]:x", "[::1]::90", "h:94x4",   ":::",      "h:0x10"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct weir__address a;
        cr_expect(!weir__address_parse(texts[i], &a), "\"%s\"", texts[i]);
    }
    struct weir__address a;
    char text[300];
    for (size_t length = 250; length < 260; length++) {
        memset(text, 'h', length);
        strcpy(text + length, ":90"); // NOLINT(clang-analyzer-security.insecureAPI.strcpy)
        bool fits = length < sizeof a.host;
        cr_expect_eq(weir__address_parse(text, &a), fits, "%zu", length);
        if (fits)
            cr_expect_eq(strlen(a.host), length);
    }
}

/* -- sockets ------------------------------------------------------------------------------------
 */

static int listen_somewhere(struct weir__address *where)
{
    char text[300];
    int s = -1;
    cr_assert(weir__address_parse("127.0.0.1:0", where));
    s = weir__address_listen(where);
    if (s < 0)
        cr_skip("no sockets here: %s", strerror(errno));
    weir__address_of(s, text, sizeof text);
    cr_assert(weir__address_parse(text, where), "%s", text);
    return s;
}

Test(serve, a_listener_says_where_it_is)
{
    struct weir__address where;
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    char text[300], expected[64];
    int s = listen_somewhere(&where);
    cr_assert_eq(getsockname(s, (struct sockaddr *)&own, &length), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", ntohs(own.sin_port));
    weir__address_of(s, text, sizeof text);
    cr_expect_str_eq(text, expected);
    cr_expect_str_eq(where.host, "127.0.0.1");
    cr_expect(fcntl(s, F_GETFD) & FD_CLOEXEC);
    cr_expect(fcntl(s, F_GETFL) & O_NONBLOCK);
    errno = 0;
    cr_expect_eq(weir__address_listen(&where), -1, "the port is taken");
    cr_expect_eq(errno, EADDRINUSE);
    int client = weir__address_connect(&where, 5);
    cr_assert(client >= 0, "%s", strerror(errno));
    cr_expect(fcntl(client, F_GETFD) & FD_CLOEXEC);
    cr_expect(!(fcntl(client, F_GETFL) & O_NONBLOCK));
    struct timeval patience[2];
    length = sizeof *patience;
    cr_assert_eq(getsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience[0], &length), 0);
    cr_assert_eq(getsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience[1], &length), 0);
    cr_expect(patience[0].tv_sec == 5 && patience[1].tv_sec == 5);
    close(client);
    close(s);
    cr_expect_eq(weir__address_connect(&where, 5), -1);
    cr_expect_eq(errno, ECONNREFUSED);
    strcpy(text, "x"); // NOLINT(clang-analyzer-security.insecureAPI.strcpy)
    weir__address_of(-1, text, sizeof text);
    cr_expect_str_eq(text, "");
}

Test(serve, version_6_has_brackets)
{
    struct weir__address where;
    char text[300];
    cr_assert(weir__address_parse("[::1]:0", &where));
    int s = weir__address_listen(&where);
    if (s < 0)
        cr_skip("no IPv6 here: %s", strerror(errno));
    weir__address_of(s, text, sizeof text);
    cr_expect_eq(strncmp(text, "[::1]:", 6), 0, "%s", text);
    cr_assert(weir__address_parse(text, &where));
    int client = weir__address_connect(&where, 5);
    cr_expect(client >= 0);
    close(client);
    close(s);
}

Test(serve, a_host_that_is_none_is_invalid)
{
    struct weir__address where = {"300.1.1.1.1", "0"};
    cr_expect_eq(weir__address_listen(&where), -1);
    cr_expect(errno == EINVAL || errno == EAGAIN, "%s", strerror(errno));
}

/* -- pages --------------------------------------------------------------------------------------
 */

static struct weir__http_request asked;
static unsigned calls;
static int user;
static sigset_t blocked;

static int plain_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                       void *given)
{
    asked = *request;
    calls++;
    cr_assert_eq(given, &user);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    answer->text = strdup("hello\n");
    answer->length = 6;
    return 0;
}

static int typed_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                       void *given)
{
    (void)request, (void)given;
    answer->type = "application/x-test";
    answer->text = calloc(1, 300000);
    answer->length = 300000;
    return 0;
}

static int failing_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                         void *given)
{
    (void)request, (void)answer, (void)given;
    return EMFILE;
}

static const struct weir__http_page pages[] = {
    {"/one", plain_write}, {"/typed", typed_write}, {"/bad", failing_write}, {NULL, NULL}};

static struct weir__address where;
static struct weir__http *http;
static char answer[400000];

static void server_start(void)
{
    int s = listen_somewhere(&where);
    http = weir__http_start(s, pages, &user, true);
    cr_assert_not_null(http, "%s", strerror(errno));
}

static void server_stop(void)
{
    if (http)
        weir__http_stop(http);
}

TestSuite(served, .init = server_start, .fini = server_stop);

static int request_send(const char *request)
{
    int client = weir__address_connect(&where, 60);
    cr_assert(client >= 0, "%s", strerror(errno));
    cr_assert_eq(send(client, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    return client;
}

static size_t answer_take(int client)
{
    size_t n = 0;
    ssize_t got;
    while ((got = recv(client, answer + n, sizeof answer - 1 - n, 0)) > 0)
        n += (size_t)got;
    close(client);
    answer[n] = '\0';
    return n;
}

static size_t told(const char *request)
{
    return answer_take(request_send(request));
}

static const char *body(void)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "(no body)";
}

Test(served, a_page_is_what_its_writer_made)
{
    told("GET /one HTTP/1.0\r\n\r\n");
    cr_expect_not_null(strstr(answer, " 200 OK\r\n"), "%s", answer);
    cr_expect_not_null(strstr(answer, "\r\nContent-Type: " WEIR__HTTP_TEXT "\r\n"), "%s", answer);
    cr_expect_not_null(strstr(answer, "\r\nCache-Control: no-store\r\n"), "%s", answer);
    cr_expect_str_eq(body(), "hello\n");
    cr_expect_eq(calls, 1);
    size_t n = told("GET /typed HTTP/1.0\r\n\r\n");
    cr_expect_not_null(strstr(answer, "\r\nContent-Type: application/x-test\r\n"));
    cr_expect_eq(n - (size_t)(body() - answer), 300000);
}

Test(served, what_it_takes_and_how_much_is_told)
{
    static const struct {
        const char *request;
        bool openmetrics;
        size_t contexts, tags;
    } cases[] = {
        {"GET /one HTTP/1.0\r\n\r\n", false, 0, 0},
        {"GET /one?contexts=50&tags=10 HTTP/1.0\r\n\r\n", false, 50, 10},
        {"GET /one?tags=1 HTTP/1.0\r\nAccept: text/plain\r\n\r\n", false, 0, 1},
        {"GET /one HTTP/1.0\r\nAccept: a/b, application/openmetrics-text;q=1\r\n\r\n", true, 0, 0},
        {"GET /one?contexts=100000 HTTP/1.0\r\n\r\n", false, 100000, 0},
        {"GET /one?contexts=100001&tags=999999 HTTP/1.0\r\n\r\n", false, 100000, 100000},
        {"GET /one?contexts=1000000&tags=12x HTTP/1.0\r\n\r\n", false, 0, 0},
        {"GET /one?contexts=-5&tags= HTTP/1.0\r\n\r\n", false, 0, 0},
        {"GET /one?contexts=00005 HTTP/1.0\r\n\r\n", false, 5, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        told(cases[i].request);
        cr_expect_eq(calls, i + 1);
        cr_expect_eq(asked.openmetrics, cases[i].openmetrics, "%s", cases[i].request);
        cr_expect_eq(asked.contexts, cases[i].contexts, "%s", cases[i].request);
        cr_expect_eq(asked.tags, cases[i].tags, "%s", cases[i].request);
    }
}

Test(served, what_is_no_page_is_told)
{
    told("GET /bad HTTP/1.0\r\n\r\n");
    cr_expect_not_null(strstr(answer, " 500 "), "%s", answer);
    cr_expect_str_eq(body(), strerror(EMFILE));
    cr_expect_not_null(strstr(answer, "\r\nContent-Type: text/plain\r\n"), "%s", answer);
    static const char *const none[] = {"/", "/on", "/one/", "/oneself", "/ONE"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char request[64];
        snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", none[i]);
        told(request);
        cr_expect_not_null(strstr(answer, " 404 "), "%s: %s", none[i], answer);
        cr_expect_str_eq(body(), "no such page; /metrics is one\n");
    }
    cr_expect_eq(calls, 0);
}

Test(served, only_get_and_head_are_answered)
{
    told("HEAD /one HTTP/1.0\r\n\r\n");
    cr_expect_not_null(strstr(answer, " 200 OK\r\n"), "%s", answer);
    cr_expect_str_eq(body(), "");
    cr_expect_eq(calls, 1);
    static const char *const methods[] = {"PUT", "DELETE", "OPTIONS", "GETS"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char request[64];
        snprintf(request, sizeof request, "%s /one HTTP/1.0\r\n\r\n", methods[i]);
        told(request);
        cr_expect_not_null(strstr(answer, " 405 "), "%s: %s", methods[i], answer);
        cr_expect_str_eq(body(), "only GET and HEAD\n");
    }
    told("POST /one HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    cr_expect_not_null(strstr(answer, " 405 "), "%s", answer);
    told("GET /one HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    cr_expect_not_null(strstr(answer, " 200 OK\r\n"), "a body is read and dropped: %s", answer);
    cr_expect_eq(calls, 2);
}

Test(served, the_thread_takes_no_signal_and_ours_stay)
{
    sigset_t before, now;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cr_expect(!sigismember(&before, SIGUSR1));
    told("GET /one HTTP/1.0\r\n\r\n");
    cr_expect(sigismember(&blocked, SIGUSR1) && sigismember(&blocked, SIGTERM) &&
              sigismember(&blocked, SIGINT));
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    cr_expect(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGTERM));
}

/* Sixteen clients that say nothing hold all places: the next is answered when one has gone. */
Test(served, there_are_sixteen_clients_at_once)
{
    int silent[16];
    for (int i = 0; i < 15; i++)
        silent[i] = request_send("GET /on");
    told("GET /one HTTP/1.0\r\n\r\n");
    cr_expect_not_null(strstr(answer, " 200 OK\r\n"), "the sixteenth: %s", answer);
    for (int i = 0; i < 15; i++) {
        send(silent[i], "e HTTP/1.0\r\n\r\n", 14, MSG_NOSIGNAL);
        answer_take(silent[i]);
        cr_expect_not_null(strstr(answer, " 200 OK\r\n"), "%d: %s", i, answer);
    }
}

Test(serve, without_a_thread_pages_are_written_when_it_is_run)
{
    int s = listen_somewhere(&where), client;
    http = weir__http_start(s, pages, &user, false);
    cr_assert_not_null(http);
    struct pollfd ready = {.fd = weir__http_descriptor(http), .events = POLLIN};
    cr_assert(ready.fd >= 0);
    cr_expect_eq(poll(&ready, 1, 0), 0, "nothing to do");
    client = request_send("GET /one HTTP/1.0\r\n\r\n");
    cr_expect_eq(calls, 0);
    struct pollfd answered = {.fd = client, .events = POLLIN};
    for (int i = 0; i < 1000 && poll(&answered, 1, 0) == 0; i++) {
        cr_expect_geq(poll(&ready, 1, 1000), 0);
        weir__http_run(http);
    }
    for (int i = 0; i < 3; i++)
        weir__http_run(http);
    cr_expect_eq(calls, 1);
    weir__http_stop(http);
    answer_take(client);
    cr_expect_str_eq(body(), "hello\n");
    int again = weir__address_connect(&where, 5);
    cr_expect_eq(again, -1, "the listener has gone with it");
}

Test(serve, what_is_no_listener_is_refused)
{
    int file = open("/dev/null", O_RDONLY);
    errno = 0;
    http = weir__http_start(file, pages, &user, false);
    if (http)
        cr_skip("this libmicrohttpd takes any descriptor");
    cr_expect_neq(errno, 0);
    cr_expect_eq(fcntl(file, F_GETFD), -1, "it is the server's, and closed");
}
