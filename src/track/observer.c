/* track/observer.c - see observer.h. */
#include "track/observer.h"

#include "track/meter.h"
#include "track/reading.h"

void weir__meter_observe(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = weir__exact_begin(m);
    observer->peak = m->base;
    observer->next = m->observers;
    m->observers = observer;
    weir__meters.constraints++;
    weir__meter_ceiling_update(m);
    weir__exact_end(shared);
}

size_t weir__meter_observed(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = weir__exact_begin(NULL);
    int64_t peak = weir__meter_peak_now(m, observer->peak);
    weir__exact_end(shared);
    return (size_t)peak;
}

void weir__meter_forget(struct weir__meter *m, struct weir__peak_observer *observer)
{
    bool shared = weir__exact_begin(m);
    for (struct weir__peak_observer **link = &m->observers; *link; link = &(*link)->next)
        if (*link == observer) {
            *link = observer->next;
            weir__meters.constraints--;
            break;
        }
    weir__meter_ceiling_update(m);
    weir__exact_end(shared);
}
