/*
 * tools/run/report.c - what `weir run` says when the program has ended, as text. The
 * process with the greatest peak comes first, whichever it is; then the tree.
 */
#include "tools/common/text.h"
#include "tools/common/time.h"
#include "tools/run/run.h"

#include "base/program_file.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define TEXT_PROCESSES 12
#define AGE_SAID       UINT64_C(100000000) /* ns: figures older than this are called so */
#define OUTSIDE_LEAST  (UINT64_C(4) << 20) /* mapped outside malloc, worth a word */

/* -- which ------------------------------------------------------------------------------------ */

const struct run_image *run_largest(const struct run *run)
{
    const struct run_image *found = NULL;
    for (const struct run_image *i = run->watch->first; i; i = i->next)
        if (!found || i->figures.peak > found->figures.peak)
            found = i;
    return found;
}

const struct run_image *run_last_of_program(const struct run *run)
{
    const struct run_image *found = NULL;
    for (const struct run_image *i = run->watch->first; i; i = i->next)
        if (i->pid == run->pid && i->kind == WEIR__RUN_MALLOC && !(i->flags & WEIR__RUN_FORKED))
            found = i;
    return found;
}

const char *run_ending_text(const struct run_image *image)
{
    static const char *const texts[] = {[RUN_RUNNING] = "still running",
                                        [RUN_EXITED] = "exited",
                                        [RUN_KILLED] = "killed",
                                        [RUN_ENDED] = "ended",
                                        [RUN_EXECED] = "became another program",
                                        [RUN_LOST] = "became a program that weir could not follow"};
    return texts[image->ending];
}

const char *run_signal_text(int signal)
{
    static char text[32];
    const char *name = sigabbrev_np(signal);
    if (name)
        snprintf(text, sizeof text, "SIG%s", name);
    else if (signal > SIGRTMIN)
        snprintf(text, sizeof text, "SIGRTMIN+%d", signal - SIGRTMIN);
    else
        snprintf(text, sizeof text, signal == SIGRTMIN ? "SIGRTMIN" : "signal %d", signal);
    return text;
}

const char *run_lost_text(uint32_t lost)
{
    static const char sanitizer[] = "a sanitizer brings its own malloc";
    static const char *const texts[] = {
        [WEIR__LOST_STATIC] = "it is statically linked",
        [WEIR__LOST_LOADER] = "it has another C library",
        [WEIR__LOST_MACHINE] = "it is for another kind of machine",
        [WEIR__LOST_RIGHTS] = "it raises its rights: the loader lets no library into it",
        [WEIR__LOST_LIBRARY] = "the library cannot be opened from there",
        [WEIR__LOST_ASAN] = sanitizer,
        [WEIR__LOST_HWASAN] = sanitizer,
        [WEIR__LOST_TSAN] = sanitizer,
        [WEIR__LOST_MSAN] = sanitizer};
    const char *text = lost < sizeof texts / sizeof *texts ? texts[lost] : NULL;
    return text ? text : "its environment was cleared, or it changed its user, root or namespace";
}

/* -- texts ----------------------------------------------------------------------------------- */

/* Its name in full, and of its arguments what fits into `most` bytes. */
static void image_print(const struct run_image *image, int most, FILE *to)
{
    int length = (int)strlen(image->program);
    text_plain(to, image->program, SIZE_MAX);
    text_plain(to, image->arguments, (size_t)(most > length + 16 ? most - length : 16));
}

/* -- one process -------------------------------------------------------------------------- */

static void text_classes(const struct run_image *image, FILE *to)
{
    bool any = false;
    uint64_t empty = 0;
    for (unsigned i = 0; i < WEIR__RUN_CLASSES; i++) {
        const struct weir__run_class *class = &image->classes[i];
        empty += class->blocks ? 0 : class->held;
        if (!class->blocks)
            continue;
        if (!any)
            fprintf(to, "  live at exit, by size of block\n"
                        "        size       blocks    bytes asked     bytes held\n");
        any = true;
        if (i + 1 < WEIR__RUN_CLASSES)
            fprintf(to, "  %10" PRIu64, class->size);
        else
            fprintf(to, "       pages");
        fprintf(to, " %12" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n", class->blocks, class->bytes,
                class->held);
    }
    if (empty)
        fprintf(to, "      others            0              0 %14" PRIu64 "\n", empty);
}

/* A process under another malloc, or one that took nothing from this one. */
static bool has_figures(const struct run_image *image)
{
    return !(image->flags & WEIR__RUN_FOREIGN_MALLOC);
}

static bool is_python(const struct run_image *image)
{
    return strncmp(image->program, "python", 6) == 0;
}

/* What is resident and not malloc's; `much`: most of it is not. */
static void text_beside(const struct run_image *image, bool much, FILE *to)
{
    bool outside = image->outside > OUTSIDE_LEAST, files = much && image->files > OUTSIDE_LEAST;
    if (!outside && !files)
        return;
    fputs("             ", to);
    if (outside)
        fprintf(to, "%s of it the program mapped itself, outside malloc",
                text_scaled(image->outside));
    if (files)
        fprintf(to, "%s%s %s pages of files: code, libraries", outside ? "; " : "",
                text_scaled(image->files), outside ? "are" : "of it are");
    fputs("\n", to);
}

static void text_resident(const struct run *run, const struct run_image *image, FILE *to)
{
    uint64_t most = image->resident;
    if (run->watch->count == 1 && (uint64_t)run->usage.ru_maxrss * 1024 > most)
        most = (uint64_t)run->usage.ru_maxrss * 1024;
    if (most)
        fprintf(to, "  resident   %s at most: code, stacks and all\n", text_scaled(most));
    text_beside(image, most > 2 * image->figures.peak, to);
    if (image->outside > OUTSIDE_LEAST && is_python(image))
        fputs("             (Python's small objects; PYTHONMALLOC=malloc brings them in)\n", to);
    if (image->outside > OUTSIDE_LEAST && image->recording && !run->passing)
        fprintf(to, "             (weir trace %s says who mapped what)\n",
                image->recording->path ? image->recording->path : "?");
}

static void text_age(const struct run *run, const struct run_image *image, FILE *to)
{
    const struct run_figures *f = &image->figures;
    uint64_t end = image->over ? image->ended : run->ended;
    if (image->ending == RUN_LOST)
        fprintf(to, "  Then it became %s, which weir could not follow: %s.\n",
                image->lost_program[0] ? image->lost_program : "another program",
                run_lost_text(image->lost));
    if (image->ending == RUN_EXITED)
        return;
    if (!(image->flags & WEIR__RUN_SHOWN) && !f->exact)
        fprintf(to, "  These figures are %.3f s older than its end.\n",
                time_seconds(f->as_of, end));
    else if (!f->exact)
        fputs("  A thread was ending when it was killed: what it had may be counted twice.\n", to);
    else if (image->over && f->as_of + AGE_SAID < end)
        fprintf(to, "  The line \"memory\" is %.3f s older than its end.\n",
                time_seconds(f->as_of, end));
}

static void text_image(const struct run *run, const struct run_image *image, FILE *to)
{
    const struct run_figures *f = &image->figures;
    bool over = image->over;
    fprintf(to, "  live       %s in %s %s\n", text_bytes(f->live), text_of(f->blocks, "blocks"),
            over ? "at its end" : "now: it is still running");
    fprintf(to, "  traffic    %s allocated, %s freed\n", text_of(f->allocations, "blocks"),
            text_count(f->frees));
    fprintf(to, "  memory     %s in use, %s kept for re-use, %s book-keeping",
            text_scaled(f->in_use), text_scaled(f->cached), text_scaled(f->metadata));
    if (!f->last)
        fprintf(to, ", after %.3f s", time_seconds(run->started, f->as_of));
    fputs("\n", to);
    text_resident(run, image, to);
    if (f->limit || f->failures)
        fprintf(to, "  limit      %s; %s request%s refused\n",
                f->limit ? text_bytes(f->limit) : "none", text_count(f->failures),
                f->failures == 1 ? "" : "s");
    text_age(run, image, to);
    if (run->sizes && image->classes)
        text_classes(image, to);
}

/* -- the tree ----------------------------------------------------------------------------- */

struct row {
    const struct run_image *image;
    unsigned depth;
};

static const struct run_image *parent_of(const struct run *run, const struct run_image *image)
{
    const struct run_image *found = NULL;
    for (const struct run_image *i = run->watch->first; i && i != image; i = i->next)
        if (i->pid == image->parent && i->started <= image->started)
            found = i;
    return found;
}

static bool is_among(const struct run_image *image, struct run_image *const *some, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (some[i] == image)
            return true;
    return false;
}

static unsigned depth_of(const struct run *run, const struct run_image *image)
{
    unsigned depth = 0;
    for (const struct run_image *at = parent_of(run, image); at && depth < 40;
         at = parent_of(run, at))
        depth++;
    return depth;
}

static int by_peak(const void *a, const void *b)
{
    const struct run_image *left = *(struct run_image *const *)a,
                           *right = *(struct run_image *const *)b;
    return left->figures.peak < right->figures.peak   ? 1
           : left->figures.peak > right->figures.peak ? -1
                                                      : 0;
}

static void text_row(const struct run *run, const struct run_image *image, FILE *to)
{
    unsigned depth = depth_of(run, image);
    fprintf(to, "  %10d %10d %12s %12s   %*s", image->pid, image->parent,
            has_figures(image) ? text_scaled(image->figures.peak) : "-",
            has_figures(image) ? text_scaled(image->figures.live) : "-", (int)(2 * depth), "");
    image_print(image, 60, to);
    if (image->kind == WEIR__RUN_LIBWEIR)
        fputs(" [libweir's own heap]", to);
    else if (!has_figures(image))
        fputs(" [has its own malloc]", to);
    fprintf(to, " (%s)\n", run_ending_text(image));
}

/* The largest, in the order in which they began. */
static void text_tree(const struct run *run, FILE *to)
{
    const struct run_watch *watch = run->watch;
    unsigned n = 0;
    struct run_image **all = calloc(watch->count, sizeof *all);
    if (!all)
        return;
    for (struct run_image *i = watch->first; i; i = i->next)
        all[n++] = i;
    qsort(all, n, sizeof *all, by_peak);
    fprintf(to, "  processes%s\n         pid     parent         peak         live   command\n",
            n > TEXT_PROCESSES ? ", those with the greatest peaks" : "");
    unsigned shown = n > TEXT_PROCESSES ? TEXT_PROCESSES : n;
    for (const struct run_image *i = watch->first; i; i = i->next)
        if (is_among(i, all, shown))
            text_row(run, i, to);
    if (n > shown)
        fprintf(to, "  ... and %u more; --json names them all\n", n - shown);
    if (watch->lost)
        fprintf(to, "  %s more found no room in this report\n", text_count(watch->lost));
    free(all);
}

/* -- the recordings ----------------------------------------------------------------------- */

static void text_recording(const struct run_recording *r, FILE *to)
{
    fprintf(to, "  recorded   %s in %s: ", text_of(r->events, "events"), r->path ? r->path : "?");
    if (r->error)
        fprintf(to, "%s; %s of %s events are missing\n", strerror(r->error), text_count(r->missing),
                text_count(r->total));
    else if (r->odd)
        fputs("damaged by its own program\n", to);
    else if (r->missing > r->under_way)
        fprintf(to, "%s of %s events are missing: weir run came too late for them\n",
                text_count(r->missing), text_count(r->total));
    else
        fprintf(to, "%s%s\n", r->footed ? "complete" : "its process is still running",
                r->under_way ? " to the last call that returned" : "");
}

static void text_recordings(FILE *to)
{
    unsigned n = 0, more = 0, open = 0;
    for (const struct run_recording *r = run_record_first(); r; r = r->next) {
        bool bad = r->error || r->odd || r->missing > r->under_way;
        if (n++ < 4 || bad)
            text_recording(r, to);
        else if (r->footed)
            more++;
        else
            open++;
    }
    if (more)
        fprintf(to, "  recorded   %u more process%s complete\n", more,
                more == 1 ? "," : "es, each");
    if (open)
        fprintf(to, "  recorded   %u more process%s still running\n", open,
                open == 1 ? "," : "es,");
}

/* -- all of it ---------------------------------------------------------------------------- */

static void text_status(const struct run *run, FILE *to)
{
    if (WIFSIGNALED(run->status))
        fprintf(to, "killed by %s", run_signal_text(WTERMSIG(run->status)));
    else
        fprintf(to, "status %d", WEXITSTATUS(run->status));
}

static void text_head(const struct run *run, const struct run_image *image, FILE *to)
{
    const struct run_figures *f = &image->figures;
    fputs("weir run: ", to);
    image_print(image, 100, to);
    fprintf(to, " (pid %d)%s", image->pid,
            image->kind == WEIR__RUN_LIBWEIR ? ", libweir's own heap" : "");
    if (image->pid != run->pid) { /* how that one ended is not known: say whose status it is */
        fputs("; ", to);
        text_plain(to, text_file_name(run->command[0]), 40);
    }
    fputs(": ", to);
    text_status(run, to);
    fprintf(to, " after %.3f s\n", time_seconds(run->started, run->ended));
    if (!has_figures(image)) {
        fprintf(to, "  another malloc serves this program: its memory is not known\n");
        if (image->figures.peak >= 1024)
            fprintf(to, "  peak       %s came to weir's malloc\n", text_bytes(image->figures.peak));
        text_resident(run, image, to);
        return;
    }
    fprintf(to, "  peak       %s in %s", text_bytes(f->peak), text_of(f->peak_blocks, "blocks"));
    if (f->peak_at)
        fprintf(to, ", after %.3f s of %.3f s", time_seconds(run->started, f->peak_at),
                time_seconds(run->started, run->ended));
    fputs("\n", to);
    text_image(run, image, to);
}

void run_report(const struct run *run, FILE *to)
{
    const struct run_image *largest = run_largest(run);
    const struct run_watch *watch = run->watch;
    if (largest) {
        text_head(run, largest, to);
    } else {
        fputs("weir run: ", to);
        text_plain(to, run->command[0], 100);
        fputs(": ", to);
        text_status(run, to);
        fprintf(to,
                " after %.3f s\n  weir was never loaded into it: nothing is known of its memory\n",
                time_seconds(run->started, run->ended));
    }
    if (watch->count > 1) {
        fprintf(to, "  together   %s at most at one time, in %u process%s, as far as was seen\n",
                text_bytes(watch->tree_peak), watch->tree_processes,
                watch->tree_processes == 1 ? "" : "es");
        text_tree(run, to);
    }
    if (!run->passing)
        text_recordings(to);
}
