/*
 * tools/run/json.c - the report of `weir run` as one JSON object. Always valid UTF-8: bytes
 * of a name that are none become U+FFFD.
 */
#include "tools/run/run.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static double seconds(uint64_t from, uint64_t to)
{
    return to > from ? (double)(to - from) / 1e9 : 0;
}

/* Bytes of the UTF-8 character that starts here (RFC 3629); 0: there is none. */
static unsigned utf8_length(const unsigned char *at)
{
    static const struct {
        unsigned char from, to, low, high;
        unsigned length;
    } kinds[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (*at < kinds[i].from || *at > kinds[i].to)
            continue;
        unsigned n = kinds[i].length;
        if (n > 1 && (at[1] < kinds[i].low || at[1] > kinds[i].high))
            return 0;
        for (unsigned k = 2; k < n; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return n;
    }
    return 0;
}

static void json_string(const char *text, FILE *to)
{
    const unsigned char *at = (const unsigned char *)text;
    putc('"', to);
    while (*at) {
        unsigned n = utf8_length(at);
        if (n == 0) {
            fputs("\xef\xbf\xbd", to);
            n = 1;
        } else if (*at == '"' || *at == '\\')
            fprintf(to, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(to, "\\u%04x", *at);
        else
            fwrite(at, 1, n, to);
        at += n;
    }
    putc('"', to);
}

static void json_classes(const struct run_image *image, FILE *to)
{
    const char *comma = "";
    fprintf(to, ", \"classes\": [");
    for (unsigned i = 0; image->classes && i < WEIR__RUN_CLASSES; i++) {
        const struct weir__run_class *class = &image->classes[i];
        if (!class->blocks && !class->held)
            continue;
        fprintf(to,
                "%s{\"size\": %" PRIu64 ", \"blocks\": %" PRIu64 ", \"bytes\": %" PRIu64
                ", \"held\": %" PRIu64 "}",
                comma, class->size, class->blocks, class->bytes, class->held);
        comma = ", ";
    }
    fputs("]", to);
}

static void json_number(const char *name, uint64_t value, FILE *to)
{
    fprintf(to, ", \"%s\": %" PRIu64, name, value);
}

static void json_figures(const struct run *run, const struct run_image *image, FILE *to)
{
    const struct run_figures *f = &image->figures;
    json_number("peak_bytes", f->peak, to);
    json_number("peak_blocks", f->peak_blocks, to);
    fprintf(to, ", \"peak_seconds\": %.6f", seconds(run->started, f->peak_at));
    json_number("live_bytes", f->live, to);
    json_number("live_blocks", f->blocks, to);
    json_number("allocations", f->allocations, to);
    json_number("frees", f->frees, to);
    json_number("failures", f->failures, to);
    json_number("limit", f->limit, to);
    json_number("in_use", f->in_use, to);
    json_number("cached", f->cached, to);
    json_number("reserved", f->reserved, to);
    json_number("metadata", f->metadata, to);
    fprintf(to, ", \"exact\": %s", f->exact ? "true" : "false");
}

static void json_recording(const struct run_recording *r, FILE *to)
{
    fputs("{\"file\": ", to);
    json_string(r->path ? r->path : "", to);
    json_number("events", r->events, to);
    json_number("missing", r->missing, to);
    fprintf(to, ", \"complete\": %s, \"error\": ",
            r->footed && !r->error && r->missing == r->under_way && !r->odd ? "true" : "false");
    if (r->error)
        json_string(strerror(r->error), to);
    else
        fputs(r->odd ? "\"damaged by its own program\"" : "null", to);
    fputs("}", to);
}

static void json_image(const struct run *run, const struct run_image *image, FILE *to)
{
    fprintf(to, "{\"pid\": %d, \"parent\": %d, \"image\": %d, \"heap\": \"%s\", \"program\": ",
            image->pid, image->parent, image->nth,
            image->kind == WEIR__RUN_LIBWEIR ? "libweir" : "malloc");
    json_string(image->program, to);
    fputs(", \"command\": ", to);
    json_string(image->command, to);
    fprintf(to, ", \"forked\": %s, \"ending\": \"%s\"",
            image->flags & WEIR__RUN_FORKED ? "true" : "false", run_ending_text(image));
    fprintf(to, ", \"started_seconds\": %.6f, \"figures_at_seconds\": %.6f",
            seconds(run->started, image->started),
            seconds(run->started, image->figures.exact ? image->looked : image->figures.as_of));
    if (image->flags & WEIR__RUN_FOREIGN_MALLOC)
        fprintf(to,
                ", \"peak_bytes\": null, \"why\": \"another malloc serves this program\", "
                "\"reached_peak_bytes\": %" PRIu64 ", \"reached_live_bytes\": %" PRIu64,
                image->figures.peak, image->figures.live);
    else
        json_figures(run, image, to);
    json_number("resident_most", image->resident, to);
    json_number("outside_malloc_most", image->outside, to);
    if (image->ending == RUN_LOST) {
        fputs(", \"lost\": ", to);
        json_string(image->lost_program, to);
        fputs(", \"why_lost\": ", to);
        json_string(run_lost_text(image->lost), to);
    }
    if (image->recording) {
        fputs(", \"recording\": ", to);
        json_recording(image->recording, to);
    }
    json_classes(image, to);
    fputs("}", to);
}

static void json_or_null(const struct run *run, const struct run_image *image, FILE *to)
{
    if (image)
        json_image(run, image, to);
    else
        fputs("null", to);
}

void run_json(const struct run *run, FILE *to)
{
    const struct run_image *program = run_last_of_program(run), *largest = run_largest(run);
    const char *comma = "";
    bool killed = WIFSIGNALED(run->status);
    fprintf(to, "{\"command\": [");
    for (char **word = run->command; *word; word++, comma = ", ") {
        fputs(comma, to);
        json_string(*word, to);
    }
    fprintf(to, "], \"seconds\": %.6f, ", seconds(run->started, run->ended));
    if (killed)
        fprintf(to, "\"signal\": %d, \"signal_name\": \"%s\"", WTERMSIG(run->status),
                run_signal_text(WTERMSIG(run->status)));
    else
        fprintf(to, "\"status\": %d", WEXITSTATUS(run->status));
    fprintf(to, ", \"max_resident\": %ld, \"unreported_processes\": %" PRIu64,
            run->usage.ru_maxrss * 1024, run->watch->lost);
    fprintf(to,
            ", \"tree_peak_bytes\": %" PRIu64
            ", \"tree_peak_seconds\": %.6f, \"tree_processes\": %u",
            run->watch->tree_peak, seconds(run->started, run->watch->tree_peak_at),
            run->watch->tree_processes);
    fputs(", \"largest\": ", to);
    json_or_null(run, largest, to);
    fputs(", \"program\": ", to);
    json_or_null(run, program, to);
    fprintf(to, ", \"others\": [");
    comma = "";
    for (const struct run_image *i = run->watch->first; i; i = i->next)
        if (i != program) {
            fputs(comma, to);
            json_image(run, i, to);
            comma = ", ";
        }
    fputs("]}\n", to);
}
