/*
 * Every public function (src/weir.map), with each thing that it asks of the machine refused in
 * turn, alone and with all behind it: a request for memory, a map, an unmapping, a move of pages,
 * a change of protection, advice. A call says ENOMEM and changes no figure of any allocator but
 * `failures`; or it does all the same what it does where nothing is refused, with the same figures.
 * A call that asks for no memory is sure: it says always the same. And afterwards everything can be
 * freed, nothing is left behind, and the call does what it should.
 */
#include "../helpers/refusing.h"

#include "../helpers/calls_watching.h"

#include <pthread.h>

/* -- figures -------------------------------------------------------------------------------------
 */

enum { WATCHED = 4 };
struct figures {
    struct {
        ptrdiff_t total, peak, count, allocations, deallocations, bytes;
    } of[WATCHED];
};

static struct figures figures_now(weir_allocator *const watched[WATCHED])
{
    struct figures f = {0};
    for (int i = 0; i < WATCHED; i++) {
        weir_stats stats = {.size = sizeof stats};
        if (!watched[i])
            continue;
        EXPECT(weir_stats_get(watched[i], &stats) == 0, "no figures");
        f.of[i].total = (ptrdiff_t)stats.total_allocated;
        f.of[i].peak = (ptrdiff_t)stats.peak_allocated;
        f.of[i].count = (ptrdiff_t)stats.allocation_count;
        f.of[i].allocations = (ptrdiff_t)stats.allocations;
        f.of[i].deallocations = (ptrdiff_t)stats.deallocations;
        f.of[i].bytes = (ptrdiff_t)stats.bytes_allocated;
    }
    return f;
}

/* What a call changed, modulo 2^64; of the peak, how far it lies above what was allocated before.
 */
static struct figures figures_change(const struct figures *before, const struct figures *after)
{
    struct figures c = {0};
    for (int i = 0; i < WATCHED; i++) {
        c.of[i].total = after->of[i].total - before->of[i].total;
        c.of[i].peak = after->of[i].peak - before->of[i].peak;
        c.of[i].count = after->of[i].count - before->of[i].count;
        c.of[i].allocations = after->of[i].allocations - before->of[i].allocations;
        c.of[i].deallocations = after->of[i].deallocations - before->of[i].deallocations;
        c.of[i].bytes = after->of[i].bytes - before->of[i].bytes;
    }
    return c;
}

static void figures_expect(const struct figures *got, const struct figures *wanted,
                           const char *what)
{
    static const char *const names[] = {"the CPU's", "the one tried", "the fresh one",
                                        "the device's"};
    for (int i = 0; i < WATCHED; i++)
        EXPECT(memcmp(&got->of[i], &wanted->of[i], sizeof got->of[i]) == 0,
               "%s: of %s: total %+td, peak %+td, count %+td, allocations %+td, frees %+td, bytes "
               "%+td; wanted %+td, %+td, %+td, %+td, %+td, %+td",
               what, names[i], got->of[i].total, got->of[i].peak, got->of[i].count,
               got->of[i].allocations, got->of[i].deallocations, got->of[i].bytes,
               wanted->of[i].total, wanted->of[i].peak, wanted->of[i].count,
               wanted->of[i].allocations, wanted->of[i].deallocations, wanted->of[i].bytes);
}

/* -- one trial -----------------------------------------------------------------------------------
 */

struct trial {
    const struct call *call;
    enum refusing kind;
    long at; /* < 0: nothing is refused */
    bool stays;
    struct scene scene;
    int status;
    struct figures change;
};

/* In a thread of its own, so that what a thread needs is asked for, too. */
static void *trial_call(void *argument)
{
    struct trial *t = argument;
    errno = 0;
    refusing_begin(t->kind, t->at, t->stays);
    t->status = t->call->made(&t->scene);
    refusing_end();
    return NULL;
}

static void trial_run(struct trial *t)
{
    char what[200];
    pthread_t thread;
    snprintf(what, sizeof what, "%s %s, %s %ld refused%s", t->call->function, t->call->how,
             refusing_name[t->kind], t->at, t->stays ? " and all behind it" : "");
    size_t cpu = weir_total_allocated(weir_cpu_allocator());
    scene_open(&t->scene);
    struct scene *s = &t->scene;
    EXPECT(!t->call->prepare || t->call->prepare(s) == 0, "%s: not prepared", what);
    weir_allocator *watched[WATCHED] = {weir_cpu_allocator(), s->a, s->fresh, s->device};
    for (int i = 0; i < WATCHED; i++)
        weir_reset_peak(watched[i]);
    struct figures before = figures_now(watched), after;
    EXPECT(pthread_create(&thread, NULL, trial_call, t) == 0, "no thread");
    pthread_join(thread, NULL);
    watched[2] = s->fresh; /* may be destroyed */
    after = figures_now(watched);
    t->change = figures_change(&before, &after);
    scene_check(s, what);
    scene_close(s);
    for (int i = 3; i > 0; i--)
        if (watched[i]) {
            EXPECT(weir_total_allocated(watched[i]) == 0, "%s: %zu bytes are left", what,
                   weir_total_allocated(watched[i]));
            EXPECT(weir_allocator_destroy(watched[i]) == 0, "%s: an allocator is kept", what);
        }
    EXPECT(weir_total_allocated(weir_cpu_allocator()) == cpu, "%s: not all was freed", what);
}

/* -- all of them ---------------------------------------------------------------------------------
 */

static unsigned long trials, failed, carried;

static void refuse(const struct call *call, const struct trial *plain, enum refusing kind, long at,
                   bool stays)
{
    static const struct figures unchanged;
    char what[200];
    struct trial t = {.call = call, .kind = kind, .at = at, .stays = stays};
    snprintf(what, sizeof what, "%s %s, %s %ld refused%s", call->function, call->how,
             refusing_name[kind], at, stays ? " and all behind it" : "");
    trial_run(&t);
    trials++;
    if (t.status == plain->status) {
        carried++;
        figures_expect(&t.change, &plain->change, what);
        return;
    }
    failed++;
    EXPECT(!call->sure, "%s: a sure call said %d", what, t.status);
    EXPECT(t.status == ENOMEM, "%s: said %d", what, t.status);
    figures_expect(&t.change, &unchanged, what);
}

static void call_try(const struct call *call)
{
    struct trial warm = {.call = call, .at = -1}, plain = warm;
    long asked[REFUSING_KINDS];
    trial_run(&warm); /* what is made once for the process */
    trial_run(&plain);
    memcpy(asked, refusing_asked, sizeof asked);
    for (int kind = 0; kind < REFUSING_KINDS; kind++)
        for (long at = 0; at < asked[kind]; at++) {
            refuse(call, &plain, (enum refusing)kind, at, false);
            refuse(call, &plain, (enum refusing)kind, at, true);
        }
    trial_run(&plain);
    EXPECT(plain.status != ENOMEM && plain.status != EPROTO, "%s: said %d at the end",
           call->function, plain.status);
}

static const struct {
    const struct call *calls;
    size_t n;
} tables[] = {{calls_of_blocks, sizeof calls_of_blocks / sizeof(struct call)},
              {calls_of_objects, sizeof calls_of_objects / sizeof(struct call)},
              {calls_of_plans, sizeof calls_of_plans / sizeof(struct call)},
              {calls_of_watching, sizeof calls_of_watching / sizeof(struct call)}};
enum { TABLES = sizeof tables / sizeof *tables };

static bool is_called(const char *function)
{
    for (int i = 0; i < TABLES; i++)
        for (size_t k = 0; k < tables[i].n; k++)
            if (strcmp(tables[i].calls[k].function, function) == 0)
                return true;
    return false;
}

/* What the library offers, and no trial calls. */
static unsigned functions_not_called(void)
{
    const char *source = getenv("top_srcdir");
    char path[4096], line[300], function[256];
    unsigned missing = 0, n = 0;
    snprintf(path, sizeof path, "%s/src/weir.map", source ? source : ".");
    FILE *map = fopen(path, "r");
    if (!map) {
        printf("# %s is not there: are all functions called?\n", path);
        return 0;
    }
    while (fgets(line, sizeof line, map))
        if (sscanf(line, " %255[a-z0-9_];", function) == 1 && strncmp(function, "weir_", 5) == 0) {
            n++;
            if (!is_called(function)) {
                printf("# %s is not called\n", function);
                missing++;
            }
        }
    fclose(map);
    printf("# %u functions, %u not called\n", n, missing);
    return missing + !n;
}

int main(int argc, char **argv)
{
    unsigned missing = functions_not_called();
    for (int i = 0; i < TABLES; i++)
        for (size_t k = 0; k < tables[i].n; k++)
            if (argc < 2 || strcmp(argv[1], tables[i].calls[k].function) == 0)
                call_try(&tables[i].calls[k]);
    printf("# %lu trials: %lu failed cleanly, %lu did what they should all the same\n", trials,
           failed, carried);
    return missing || (argc < 2 && (failed < 200 || carried < 50));
}
