/*
 * 10-metrics.c - figures for a monitoring system: the OpenMetrics text of a context and those below
 * it, as an answer to GET /metrics, and one figure of it for a log.
 *
 *     10-metrics [--all]  without --all: the lines of live bytes and their peak
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

/* The whole text; the caller frees it. It is cut where figures grew meanwhile: then once more. */
static char *metrics_text(weir_allocator *a)
{
    char *text = NULL;
    for (size_t size = 4096, length; (text = malloc(size)); size = length + 512) {
        if (weir_stats_openmetrics_buffer(text, size, &length, a) == 0)
            break;
        free(text);
    }
    return text;
}

static weir_allocator *context_make(const char *name, weir_allocator *parent)
{
    weir_allocator_options options = WEIR_ALLOCATOR_OPTIONS_INIT;
    options.name = name;
    options.parent = parent;
    return weir_allocator_create(&options);
}

int main(int argc, char **argv)
{
    weir_allocator *server = context_make("server", NULL);
    weir_allocator *session = context_make("session 1", server);
    void *weights = weir_allocate(server, 300000), *run = weir_allocate(session, 50000);
    weir_deallocate(session, run);

    char *text = metrics_text(server);
    if (!text)
        return perror("metrics"), EXIT_FAILURE;
    bool all = argc > 1 && strcmp(argv[1], "--all") == 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (all || strncmp(line, "weir_total_", 11) == 0 || strncmp(line, "weir_peak_", 10) == 0)
            puts(line);
    free(text);

    weir_deallocate(server, weights);
    return weir_allocator_destroy(session) || weir_allocator_destroy(server);
}
