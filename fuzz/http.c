/*
 * fuzz/http.c - the HTTP server (serve/http.h) and clients that say anything, in pieces, several at
 * once, that close half of a connection or all of it, or never read. The input is a list of what
 * they do. Whatever it is: each answer begins as one; unless so many came that the server is full,
 * the next client gets the page, all of it; and when the server has ended no socket is left.
 */
#include "serve/http.h"
#include "fuzz/target.h"
#include "serve/address.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVED    16 /* clients at once */
#define CLIENTS   24
#define CAME_MOST 60 /* they wait to be taken, of which the system has a limit */
#define PAGE      ((size_t)200 * 1024)
#define HEAD_MOST 4096
#define TURNS     50 /* of the server, most, for one answer */
#define PIECE     64

struct caller {
    int socket; /* -1: none */
    size_t got; /* bytes read so far */
};

static struct weir__http *http;
static struct weir__address address;
static struct caller callers[CLIENTS];
static unsigned pages_written, came;

/* -- the server ------------------------------------------------------------------------------ */

/* As many bytes as there are contexts asked for, behind what was asked. */
static int page_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                      void *user)
{
    size_t more = request->contexts < PAGE ? request->contexts : PAGE;
    (void)user;
    pages_written++;
    FUZZ_EXPECT(request->contexts <= 100000 && request->tags <= 100000);
    answer->text = malloc(PAGE + 100);
    if (!answer->text)
        return ENOMEM;
    int n = snprintf(answer->text, 100, "page %zu %zu %d\n", request->contexts, request->tags,
                     request->openmetrics);
    memset(answer->text + n, '.', more);
    answer->length = (size_t)n + more;
    return 0;
}

static int failing_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                         void *user)
{
    (void)request, (void)answer, (void)user;
    return ENOMEM;
}

static const struct weir__http_page pages[] = {
    {"/metrics", page_write}, {"/fails", failing_write}, {NULL, NULL}};

static void server_make(void)
{
    char at[300];
    signal(SIGPIPE, SIG_IGN);
    FUZZ_EXPECT(weir__address_parse("127.0.0.1:0", &address));
    int listener = weir__address_listen(&address);
    if (listener < 0)
        exit(77);
    http = weir__http_start(listener, pages, NULL, false);
    if (!http)
        exit(77);
    weir__address_of(listener, at, sizeof at);
    FUZZ_EXPECT(weir__address_parse(at, &address));
    pages_written = came = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        callers[i].socket = -1;
}

static unsigned descriptors(void)
{
    unsigned n = 0;
    DIR *all = opendir("/proc/self/fd");
    if (!all)
        return 0;
    while (readdir(all))
        n++;
    closedir(all);
    return n;
}

/* -- callers ----------------------------------------------------------------------------------- */

static void caller_close(struct caller *c)
{
    if (c->socket >= 0)
        close(c->socket);
    *c = (struct caller){.socket = -1};
}

/* Its port is free at once, and what is under way is lost. */
static void caller_reset(struct caller *c)
{
    struct linger now = {.l_onoff = 1};
    if (c->socket >= 0)
        setsockopt(c->socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    caller_close(c);
}

static void caller_open(struct caller *c)
{
    caller_reset(c);
    if (came == CAME_MOST)
        return;
    c->socket = weir__address_connect(&address, 5);
    came++;
}

static void caller_send(const struct caller *c, const void *bytes, size_t n)
{
    if (c->socket >= 0)
        (void)!send(c->socket, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What comes first is the head of an answer. */
static void caller_read(struct caller *c, size_t most)
{
    static char bytes[HEAD_MOST];
    ssize_t got = c->socket < 0 ? -1
                                : recv(c->socket, bytes, most < sizeof bytes ? most : sizeof bytes,
                                       MSG_DONTWAIT);
    if (got <= 0)
        return;
    size_t n = (size_t)got < 7 ? (size_t)got : 7;
    FUZZ_EXPECT(c->got || memcmp(bytes, "HTTP/1.", n) == 0);
    c->got += (size_t)got;
}

static void send_piece(struct caller *c, struct fuzz_bytes *in)
{
    static const char *const texts[] = {"GET /metrics HTTP/1.1\r\n",
                                        "HEAD /metrics?contexts=99999&tags=3 HTTP/1.1\r\n",
                                        "GET /metrics?contexts=99999 HTTP/1.1\r\n\r\n",
                                        "Host: x\r\n",
                                        "\r\n",
                                        "GET /fails HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "Connection: close\r\n",
                                        "Accept: application/openmetrics-text\r\n",
                                        "POST /metrics HTTP/1.1\r\n",
                                        "Content-Length: 18446744073709551615\r\n",
                                        "Transfer-Encoding: chunked\r\n\r\n",
                                        "ffffffffffffffff\r\n",
                                        "GET /metrics HTTP/1.0\r\n\r\n",
                                        "Expect: 100-continue\r\n",
                                        "Upgrade: x\r\nConnection: upgrade\r\n",
                                        "GET http://y/metrics?contexts=%31&=&& HTTP/1.1\r\n"};
    const char *text = texts[fuzz_byte(in) % (sizeof texts / sizeof *texts)];
    caller_send(c, text, strlen(text));
}

/* Paths and headers that do not end. */
static void send_long(struct caller *c, struct fuzz_bytes *in)
{
    char bytes[PIECE * 256];
    unsigned byte = fuzz_byte(in);
    size_t n = PIECE * (1 + (size_t)fuzz_byte(in));
    for (size_t i = 0; i < n; i++)
        bytes[i] = "a: b\r\n"[i % 6];
    if (byte < 200)
        memset(bytes, (int)byte, n);
    caller_send(c, bytes, n);
}

static void send_bytes(struct caller *c, struct fuzz_bytes *in)
{
    size_t n = fuzz_byte(in) % PIECE, left = (size_t)(in->end - in->at);
    n = n < left ? n : left;
    caller_send(c, in->at, n);
    in->at += n;
}

static void caller_act(struct caller *c, unsigned what, struct fuzz_bytes *in)
{
    switch (what % 9) {
    case 0:
        caller_open(c);
        break;
    case 1:
    case 2:
        send_piece(c, in);
        break;
    case 3:
        send_bytes(c, in);
        break;
    case 4:
        send_long(c, in);
        break;
    case 5:
        if (c->socket >= 0)
            shutdown(c->socket, (int)(fuzz_byte(in) % 3));
        break;
    case 6:
        fuzz_byte(in) & 1 ? caller_close(c) : caller_reset(c);
        break;
    case 7:
        caller_read(c, 1 + (size_t)fuzz_byte(in) * 16);
        break;
    default:
        weir__http_run(http);
    }
}

/* -- who comes after --------------------------------------------------------------------------- */

/* Where the body begins of an answer that is there as a whole; 0: it is not. */
static size_t answer_whole(const char *text, size_t n)
{
    const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
    size_t body = end ? (size_t)(end - text) + 4 : 0;
    if (!end || !length || length > end || strtoul(length + 16, NULL, 10) > n - body)
        return 0;
    FUZZ_EXPECT(strtoul(length + 16, NULL, 10) == n - body);
    return body;
}

/* Bytes read, and in `body` where it begins; the server runs meanwhile. */
static size_t answer_read(int socket, char *text, size_t size, size_t *body)
{
    size_t n = 0;
    *body = 0;
    for (unsigned turn = 0; turn < TURNS && !*body;) {
        struct pollfd waited[] = {{.fd = socket, .events = POLLIN},
                                  {.fd = weir__http_descriptor(http), .events = POLLIN}};
        weir__http_run(http);
        ssize_t got = recv(socket, text + n, size - 1 - n, MSG_DONTWAIT);
        if (got > 0) {
            n += (size_t)got;
            text[n] = '\0';
            *body = answer_whole(text, n);
        } else if (got == 0 || errno != EAGAIN) {
            return 0;
        } else {
            turn += poll(waited, 2, 100) == 0;
        }
    }
    return n;
}

static void page_ask(void)
{
    static char text[PAGE + HEAD_MOST];
    static const char request[] = "GET /metrics?contexts=70000&tags=7 HTTP/1.1\r\n"
                                  "Host: x\r\n\r\n";
    struct caller c = {.socket = weir__address_connect(&address, 5)};
    size_t body;
    FUZZ_EXPECT(c.socket >= 0 && send(c.socket, request, sizeof request - 1, MSG_NOSIGNAL) > 0);
    size_t n = answer_read(c.socket, text, sizeof text, &body);
    FUZZ_EXPECT(body);
    FUZZ_EXPECT(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
    FUZZ_EXPECT(strncmp(text + body, "page 70000 7 0\n....", 19) == 0 && n - body == 70000 + 15);
    caller_reset(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes in = {data, data + size};
    unsigned before = descriptors();
    server_make();
    while (in.at < in.end) {
        unsigned what = fuzz_byte(&in);
        caller_act(&callers[fuzz_byte(&in) % CLIENTS], what, &in);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        weir__http_run(http);
        caller_read(&callers[i], HEAD_MOST);
    }
    int answered = pages_written > 0;
    if (came < SERVED)
        page_ask();
    for (size_t i = 0; i < CLIENTS; i++)
        caller_reset(&callers[i]);
    weir__http_stop(http);
    FUZZ_EXPECT(descriptors() == before);
    return answered;
}
