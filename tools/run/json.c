/* tools/run/json.c - the report of `weir run` as one JSON object. */
#include "tools/common/json.h"
#include "tools/common/time.h"
#include "tools/run/run.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static void classes_json(struct json *j, const struct run_image *image)
{
    json_array(j, "classes");
    for (unsigned i = 0; image->classes && i < WEIR__RUN_CLASSES; i++) {
        const struct weir__run_class *class = &image->classes[i];
        if (!class->blocks && !class->held)
            continue;
        json_object(j, NULL);
        json_count(j, "size", class->size);
        json_count(j, "blocks", class->blocks);
        json_count(j, "bytes", class->bytes);
        json_count(j, "held", class->held);
        json_end(j);
    }
    json_end(j);
}

static void figures_json(struct json *j, const struct run *run, const struct run_image *image)
{
    const struct run_figures *f = &image->figures;
    run_figures_json(j, f);
    json_real(j, "peak_seconds", time_seconds(run->started, f->peak_at));
    json_bool(j, "exact", f->exact);
}

static void recording_json(struct json *j, const struct run_recording *r)
{
    json_object(j, "recording");
    json_text(j, "file", r->path ? r->path : "");
    json_count(j, "events", r->events);
    json_count(j, "missing", r->missing);
    json_bool(j, "complete", r->footed && !r->error && r->missing == r->under_way && !r->odd);
    json_text(j, "error",
              r->error ? strerror(r->error)
              : r->odd ? "damaged by its own program"
                       : NULL);
    json_end(j);
}

static void image_json(struct json *j, const char *key, const struct run *run,
                       const struct run_image *image)
{
    if (!image) {
        json_null(j, key);
        return;
    }
    json_object(j, key);
    json_signed(j, "pid", image->pid);
    json_signed(j, "parent", image->parent);
    json_signed(j, "image", image->nth);
    json_text(j, "heap", image->kind == WEIR__RUN_LIBWEIR ? "libweir" : "malloc");
    json_text(j, "program", image->program);
    json_text(j, "command", image->command);
    json_bool(j, "forked", image->flags & WEIR__RUN_FORKED);
    json_text(j, "ending", run_ending_text(image));
    json_real(j, "started_seconds", time_seconds(run->started, image->started));
    json_real(
        j, "figures_at_seconds",
        time_seconds(run->started, image->figures.exact ? image->looked : image->figures.as_of));
    if (image->flags & WEIR__RUN_FOREIGN_MALLOC) {
        json_null(j, "peak_bytes");
        json_text(j, "why", "another malloc serves this program");
        json_count(j, "reached_peak_bytes", image->figures.peak);
        json_count(j, "reached_live_bytes", image->figures.live);
    } else {
        figures_json(j, run, image);
    }
    json_count(j, "resident_most", image->resident);
    json_count(j, "outside_malloc_most", image->outside);
    json_count(j, "resident_files_most", image->files);
    if (image->ending == RUN_LOST) {
        json_text(j, "lost", image->lost_program);
        json_text(j, "why_lost", run_lost_text(image->lost));
    }
    if (image->recording)
        recording_json(j, image->recording);
    classes_json(j, image);
    json_end(j);
}

void run_json(const struct run *run, FILE *to)
{
    const struct run_image *program = run_last_of_program(run);
    struct json json = JSON_TO(to), *j = &json;
    json_object(j, NULL);
    json_array(j, "command");
    for (char **word = run->command; *word; word++)
        json_text(j, NULL, *word);
    json_end(j);
    json_real(j, "seconds", time_seconds(run->started, run->ended));
    if (WIFSIGNALED(run->status)) {
        json_signed(j, "signal", WTERMSIG(run->status));
        json_text(j, "signal_name", run_signal_text(WTERMSIG(run->status)));
    } else {
        json_signed(j, "status", WEXITSTATUS(run->status));
    }
    json_signed(j, "max_resident", run->usage.ru_maxrss * 1024);
    json_count(j, "unreported_processes", run->watch->lost);
    json_count(j, "tree_peak_bytes", run->watch->tree_peak);
    json_real(j, "tree_peak_seconds", time_seconds(run->started, run->watch->tree_peak_at));
    json_count(j, "tree_processes", run->watch->tree_processes);
    image_json(j, "largest", run, run_largest(run));
    image_json(j, "program", run, program);
    json_array(j, "others");
    for (const struct run_image *i = run->watch->first; i; i = i->next)
        if (i != program)
            image_json(j, NULL, run, i);
    json_end(j);
    json_end(j);
}
