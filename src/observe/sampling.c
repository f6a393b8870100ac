/* observe/sampling.c - weir_profile_sample and what the samples say: figures, a listing, text and
 * pprof's profile.proto. */
#include "observe/sampling.h"

#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "observe/figures.h"
#include "observe/pprof.h"
#include "observe/samples.h"
#include "observe/sites.h"
#include "track/sample.h"

#include <errno.h>
#include <string.h>
#include <weir/profile.h>

int weir_profile_sample(size_t bytes)
{
    int error = weir__samples_begin(bytes);
    return error ? weir__fail(error, "this build has no accounting, and so no samples") : 0;
}

/* What is live now. 0 or ENOMEM. */
static int sites_take(struct weir__sites *sites)
{
    size_t n, capacity;
    struct weir__sampled *samples = weir__samples_copy(&n, &capacity);
    bool made = weir__sites_make(sites, samples, samples ? n : 0) && (samples || !n);
    weir__meta_free(samples, capacity * sizeof *samples);
    if (made)
        return 0;
    weir__sites_release(sites);
    return weir__fail(ENOMEM, "no memory to list %zu samples", n);
}

int weir_profile_stats_get(weir_profile_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_profile_stats, blocks) };
    struct weir__sites sites;
    uint64_t missed;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "statistics of a profile: %s",
                          stats ? "no such struct" : "NULL was given");
    weir__samples_number(&missed);
    int error = sites_take(&sites);
    if (error)
        return error;
    weir_profile_stats made = {.mean = (size_t)weir__relaxed_get(weir__sample_mean),
                               .samples = sites.all.samples,
                               .missed = (size_t)missed,
                               .bytes = sites.all.bytes,
                               .error = weir__estimate_error(&sites.all),
                               .blocks = sites.all.blocks};
    weir__sites_release(&sites);
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}

int weir_profile_walk(weir_profile_visitor *visit, void *user)
{
    struct weir__sites sites;
    if (!visit)
        return weir__fail(EINVAL, "no visitor: NULL was given");
    int error = sites_take(&sites);
    bool done = error;
    for (size_t i = 0; i < sites.n && !done; i++) {
        const struct weir__site *site = &sites.sites[i];
        done = visit(&(weir_profile_site){.calls = site->calls->address,
                                          .depth = site->calls->depth,
                                          .allocator_name = weir_allocator_name(site->allocator),
                                          .tag_name = weir_tag_name(site->tag),
                                          .tag = site->tag,
                                          .samples = site->estimate.samples,
                                          .bytes = site->estimate.bytes,
                                          .error = weir__estimate_error(&site->estimate),
                                          .blocks = site->estimate.blocks},
                     user);
    }
    weir__sites_release(&sites);
    return error;
}

static void text_print(struct weir__sink *sink, const struct weir__sites *sites, size_t top)
{
    weir__sink_print(sink,
                     "profile, one in %zu bytes sampled: ~%.0f bytes +- %.0f live in ~%.0f blocks "
                     "(estimated from %zu)\n",
                     (size_t)weir__relaxed_get(weir__sample_mean), sites->all.bytes,
                     weir__estimate_error(&sites->all), sites->all.blocks, sites->all.samples);
    weir__sites_print(sink, sites, top);
}

void weir__sampling_print(struct weir__sink *sink, size_t top)
{
    struct weir__sites sites;
    if (!weir__sample_has_profile() || sites_take(&sites))
        return;
    text_print(sink, &sites, top);
    weir__sites_release(&sites);
}

int weir_profile_print(FILE *to, size_t top)
{
    struct weir__sites sites;
    if (!to)
        return weir__fail(EINVAL, "no file to print to: NULL was given");
    struct weir__sink sink = {.file = to};
    if (!weir__sample_has_profile()) {
        weir__sink_print(&sink, "no profile\n");
        return weir__figures_end(&sink);
    }
    int error = sites_take(&sites);
    if (error)
        return error;
    text_print(&sink, &sites, top);
    weir__sites_release(&sites);
    return weir__figures_end(&sink);
}

int weir_profile_write(const char *path)
{
    struct weir__sites sites;
    if (!path)
        return weir__fail(EINVAL, "no file to write a profile to: NULL was given");
    int error = sites_take(&sites);
    if (error)
        return error;
    error = weir__pprof_write(path, &sites, weir__relaxed_get(weir__sample_mean));
    weir__sites_release(&sites);
    return error ? weir__fail(error, "profile \"%s\": %s", path, strerror(error)) : 0;
}
