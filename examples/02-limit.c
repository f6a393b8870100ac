/*
 * 02-limit.c - a limit for a session, what a refusal looks like, and a session that gives its cache
 * back before it is refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define MIB ((size_t)1 << 20)

struct session {
    weir_allocator *memory;
    void *cache; /* of earlier answers: it can be made again */
};

/* Asked before a request of the session is refused. True: try once more. */
static bool cache_give_back(const weir_refusal *refusal, void *user)
{
    struct session *s = user;
    if (!s->cache)
        return false;
    printf("%zu bytes do not fit: the cache goes\n", refusal->size);
    weir_deallocate(s->memory, s->cache);
    s->cache = NULL;
    return true;
}

int main(void)
{
    weir_allocator_options options = WEIR_ALLOCATOR_OPTIONS_INIT;
    options.name = "session 7";
    options.limit = 4 * MIB;
    struct session s = {.memory = weir_allocator_create(&options)};
    if (!s.memory)
        return perror("weir_allocator_create"), EXIT_FAILURE;
    s.cache = weir_allocate(s.memory, 3 * MIB);

    void *image = weir_allocate(s.memory, 2 * MIB);
    printf("refused: %s\n", image ? "no" : strerror(errno));
    printf("  %s\n", weir_last_error());
    printf("  live %zu bytes, as before\n", weir_total_allocated(s.memory));

    weir_set_refusal_callback(s.memory, cache_give_back, &s);
    image = weir_allocate(s.memory, 2 * MIB);
    printf("refused: %s\n", image ? "no" : strerror(errno));

    weir_stats stats = WEIR_STATS_INIT;
    weir_stats_get(s.memory, &stats);
    printf("live %zu of %zu bytes, at most %zu; %zu refused, %zu averted\n", stats.total_allocated,
           stats.limit, stats.peak_allocated, stats.failures, stats.refusals_averted);
    return weir_allocator_destroy(s.memory); /* with what is still live in it */
}
