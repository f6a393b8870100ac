/* track/traced.c - see traced.h. */
#include "track/traced.h"

#include "track/meter.h"

#include <errno.h>

/* The root, or NULL; written under the lock, read by anyone. */
static const struct weir__meter *traced;

bool weir__meter_is_traced(const struct weir__meter *m)
{
    const struct weir__meter *root = weir__relaxed_get(traced);
    if (weir__likely(!root))
        return false;
    while (m && m != root)
        m = m->parent;
    return m != NULL;
}

uint64_t weir__traced_number(const struct weir__meter *m, int64_t delta, int64_t blocks)
{
    return weir__meter_is_traced(m) ? weir__trace_stamp(delta, (int)blocks) : 0;
}

void weir__traced_stamp(struct weir__window *w, int64_t delta, int blocks)
{
    if (weir__meter_is_traced(w->meter))
        w->sequence = weir__trace_stamp(delta, blocks);
}

bool weir__traced_change(struct weir__window *w, int64_t delta, int allocated, int freed)
{
    if (!weir__meter_apply(w, delta, allocated, freed))
        return false;
    w->sequence = weir__trace_stamp(delta, allocated - freed);
    return true;
}

int weir__traced_begin(struct weir__meter *root, const struct weir__trace_hooks *hooks,
                       struct weir__meter_reading *at)
{
    int error = EBUSY;
    bool shared = weir__exact_begin(root);
    if (!traced) {
        error = 0;
        weir__meter_read_locked(root, at);
        weir__trace_account_start(at->total, at->count);
        weir__trace_install(hooks);
        weir__relaxed_set(traced, root);
        weir__meters.constraints++;
    }
    weir__exact_end(shared);
    return error;
}

void weir__traced_end(struct weir__meter *root, struct weir__meter_reading *at)
{
    bool shared = weir__exact_begin(root);
    weir__meter_read_locked(root, at);
    if (traced == root) {
        weir__relaxed_set(traced, NULL);
        weir__trace_install(NULL);
        weir__meters.constraints--;
    }
    weir__exact_end(shared);
}
