/*
 * serve/metrics.c - weir_metrics_serve and the pages it has: what libweir says of itself, through
 * its public calls alone. Owns the process's one server, under a lock. A forked child has the
 * listener, but no thread behind it, so it closes its own.
 */
#include "serve/address.h"
#include "serve/http.h"

#include <weir/metrics.h>
#include <weir/profile.h>
#include <weir/stats.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_SIZE ((size_t)64 * 1024)
#define MORE       ((size_t)4 * 1024) /* for what is new until the next try */
#define TRIES      8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct weir__http *server; /* NULL: none */
static int listening;             /* its socket */
static char served_at[300];

/* -- pages --------------------------------------------------------------------------------- */

/* Figures may become longer between two tries. */
static int metrics_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                         void *user)
{
    weir_exposition_options options = WEIR_EXPOSITION_OPTIONS_INIT;
    size_t size = FIRST_SIZE;
    int error = ENOSPC;
    (void)user;
    options.text = !request->openmetrics;
    options.contexts = request->contexts;
    options.tags = request->tags;
    answer->type = request->openmetrics ? WEIR__HTTP_OPENMETRICS : WEIR__HTTP_TEXT;
    for (int i = 0; i < TRIES && error == ENOSPC; i++) {
        free(answer->text);
        answer->text = malloc(size);
        if (!answer->text)
            return ENOMEM;
        error = weir_stats_exposition(answer->text, size, &answer->length, &options);
        size = answer->length + answer->length / 8 + MORE;
    }
    if (error)
        free(answer->text);
    return error;
}

static int file_read(int file, struct weir__http_answer *answer)
{
    struct stat about;
    if (fstat(file, &about))
        return errno;
    answer->text = malloc((size_t)about.st_size + 1);
    if (!answer->text)
        return ENOMEM;
    ssize_t got = pread(file, answer->text, (size_t)about.st_size, 0);
    if (got == about.st_size) {
        answer->length = (size_t)got;
        return 0;
    }
    free(answer->text);
    return EIO;
}

/* What weir_profile_sample has: profile.proto. Without samples its sums are 0. */
static int heap_write(const struct weir__http_request *request, struct weir__http_answer *answer,
                      void *user)
{
    char path[40];
    int file = memfd_create("weir-profile", MFD_CLOEXEC);
    (void)request, (void)user;
    if (file < 0)
        return errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int error = weir_profile_write(path);
    if (!error)
        error = file_read(file, answer);
    close(file);
    answer->type = "application/octet-stream";
    return error;
}

/* One line a page. */
static const struct weir__http_page pages[] = {
    {"/metrics", metrics_write}, {"/debug/pprof/heap", heap_write}, {NULL, NULL}};

/* -- the server ------------------------------------------------------------------------------ */

static void fork_prepare(void)
{
    pthread_mutex_lock(&lock);
}

static void fork_parent(void)
{
    pthread_mutex_unlock(&lock);
}

/* The thread and its connections are the parent's; what the server allocated is left as it is. */
static void fork_child(void)
{
    if (server)
        close(listening);
    server = NULL;
    pthread_mutex_unlock(&lock);
}

static void fork_watch(void)
{
    pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static int serve_locked(const struct weir__address *address)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (server)
        return EALREADY;
    pthread_once(&once, fork_watch);
    listening = weir__address_listen(address);
    if (listening < 0)
        return errno;
    server = weir__http_start(listening, pages, NULL, true);
    if (!server)
        return errno;
    weir__address_of(listening, served_at, sizeof served_at);
    return 0;
}

int weir_metrics_serve(const char *address)
{
    struct weir__address parsed;
    int saved = errno;
    if (!weir__address_parse(address, &parsed))
        return EINVAL;
    pthread_mutex_lock(&lock);
    int error = serve_locked(&parsed);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return error;
}

int weir_metrics_address(char *buffer, size_t size)
{
    int n = -1;
    pthread_mutex_lock(&lock);
    if (server)
        n = snprintf(buffer, size, "%s", served_at);
    pthread_mutex_unlock(&lock);
    return n < 0 ? ENOENT : (size_t)n < size ? 0 : ENOSPC;
}

/* The server's thread never takes the lock, so it may be waited for with the lock held. */
void weir_metrics_stop(void)
{
    pthread_mutex_lock(&lock);
    if (server)
        weir__http_stop(server);
    server = NULL;
    pthread_mutex_unlock(&lock);
}

/* -- the environment --------------------------------------------------------------------------- */

__attribute__((constructor)) static void metrics_start(void)
{
    const char *address = secure_getenv("WEIR_METRICS");
    if (!address || !*address)
        return;
    int error = weir_metrics_serve(address);
    if (error)
        fprintf(stderr, "weir: WEIR_METRICS cannot serve at \"%.200s\": %s\n", address,
                error == EINVAL ? "not an address, as 127.0.0.1:9464" : strerror(error));
}
