/* observe/family.c - see family.h. */
#include "observe/family.h"

static const char *total_of(const struct weir__family *family)
{
    return family->counter ? "_total" : "";
}

void weir__family_begin(const struct weir__exposition *to, const struct weir__family *family)
{
    const char *total = to->text ? total_of(family) : "";
    weir__sink_print(to->sink, "# TYPE weir_%s%s %s\n", family->name, total,
                     family->counter ? "counter" : "gauge");
    if (*family->unit && !to->text)
        weir__sink_print(to->sink, "# UNIT weir_%s %s\n", family->name, family->unit);
    weir__sink_print(to->sink, "# HELP weir_%s%s %s.\n", family->name, total, family->help);
}

void weir__metric_begin(const struct weir__exposition *to, const struct weir__family *family)
{
    weir__sink_print(to->sink, "weir_%s%s", family->name, total_of(family));
}

void weir__exposition_end(const struct weir__exposition *to)
{
    if (!to->text)
        weir__sink_print(to->sink, "# EOF\n");
}
