/* tools/report/export.c - see export.h. */
#include "tools/report/export.h"
#include "tools/common/number.h"
#include "tools/report/bill.h"
#include "tools/report/folded.h"
#include "tools/report/perfetto.h"
#include "tools/report/pprof.h"

#include <string.h>

void export_write(FILE *to, const struct report *r, enum export_kind kind, uint32_t change)
{
    switch (kind) {
    case EXPORT_PPROF:
        pprof_write(to, r, change);
        break;
    case EXPORT_PERFETTO:
        perfetto_write(to, r);
        break;
    case EXPORT_FOLDED:
        folded_write(to, r, change);
        break;
    case EXPORT_CSV:
        bill_csv(to, r);
        break;
    }
}

bool export_moment(const struct report *r, const char *text, uint32_t *change)
{
    const struct report_data *d = &r->data;
    uint64_t number;
    *change = strcmp(text, "peak") == 0 ? d->peak_change : (uint32_t)d->nchanges - 1;
    if (strcmp(text, "peak") == 0 || strcmp(text, "end") == 0)
        return true;
    if (number_count(text, 0, UINT64_MAX, &number)) {
        *change = report_change_at(d, number);
        return true;
    }
    for (size_t i = 0; i < d->nmarks; i++)
        if (strcmp(report_mark_name(d, &d->marks[i]), text) == 0) {
            *change = d->marks[i].to_change;
            return true;
        }
    return false;
}
