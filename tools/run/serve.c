/*
 * tools/run/serve.c - `weir run --metrics ADDRESS`: answers a scraper between two looks at the
 * processes, on weir run's own thread. No thread, socket or file of it is in the program. Owns the
 * server; without libmicrohttpd there is none.
 */
#include "tools/run/run.h"

#include <errno.h>
#include <string.h>

#ifdef HAVE_MICROHTTPD

#include "serve/address.h"
#include "serve/http.h"

#include <unistd.h>

#define MOST 200 /* processes with their own lines, unless the scraper asks for others */

static int metrics_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                         void *user)
{
    const struct run *run = user;
    run_watch_look(run->watch); /* figures of this moment */
    answer->type = request->openmetrics ? WEIR__HTTP_OPENMETRICS : WEIR__HTTP_TEXT;
    answer->text = run_metrics(run, !request->openmetrics,
                               request->contexts ? request->contexts : MOST, &answer->length);
    return answer->text ? 0 : ENOMEM;
}

static const struct weir__http_page pages[] = {{"/metrics", metrics_write}, {NULL, NULL}};

static bool fail(const struct run *run, const char *why)
{
    fprintf(stderr, "weir run: --metrics %s: %s\n", run->metrics, why);
    return false;
}

bool run_serve_begin(struct run *run)
{
    struct weir__address address;
    char text[300];
    if (!weir__address_parse(run->metrics, &address))
        return fail(run, "not an address, as 127.0.0.1:9464");
    int listener = weir__address_listen(&address);
    if (listener < 0)
        return fail(run, strerror(errno));
    run->server = weir__http_start(listener, pages, run, false);
    if (!run->server)
        return fail(run, strerror(errno));
    weir__address_of(listener, text, sizeof text);
    if (strcmp(address.port, "0") == 0) /* nobody else knows it */
        fprintf(stderr, "weir run: metrics at http://%s/metrics\n", text);
    return true;
}

int run_serve_descriptor(const struct run *run)
{
    return run->server ? weir__http_descriptor(run->server) : -1;
}

void run_serve_answer(const struct run *run)
{
    if (run->server)
        weir__http_run(run->server);
}

void run_serve_end(struct run *run)
{
    if (run->server)
        weir__http_stop(run->server);
    run->server = NULL;
}

#else

bool run_serve_begin(struct run *run)
{
    fprintf(stderr, "weir run: --metrics %s: this weir was built without libmicrohttpd\n",
            run->metrics);
    return false;
}

int run_serve_descriptor(const struct run *run)
{
    (void)run;
    return -1;
}

void run_serve_answer(const struct run *run)
{
    (void)run;
}

void run_serve_end(struct run *run)
{
    (void)run;
}

#endif
