/*
 * tools/trace/load.c - reads the text format of bench/traces (bench/traces/README.md), plain or
 * gzip, and checks it against itself: ids in order, nothing freed twice, the header's count and
 * peak equal to the events' own. tools/trace/binary.c reads the other one.
 */
#include "tools/trace/load.h"
#include "tools/common/file.h"
#include "tools/common/memory.h"
#include "tools/common/number.h"
#include "tools/common/text.h"
#include "tools/trace/binary.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 1 << 16, THREADS_MAX = 1024 };

struct loader {
    const char *path;
    struct trace *trace;
    char *why;
    size_t nwhy;
    size_t line;
    uint64_t *live_size;  /* by id - 1: size now */
    uint8_t *live;        /* by id - 1: is it? */
    uint64_t total, peak; /* of the events so far */
    uint64_t header_events;
    uint64_t threads[THREADS_MAX]; /* the file's numbers, in order of appearance */
};

/* Says "FILE:LINE: ..." and returns EINVAL. */
__attribute__((format(printf, 2, 3))) static int loader_bad(struct loader *l, const char *format,
                                                            ...)
{
    int n = snprintf(l->why, l->nwhy, "%s:%zu: ", l->path, l->line);
    if (n < 0 || (size_t)n >= l->nwhy)
        return EINVAL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(l->why + n, l->nwhy - (size_t)n, format, arguments);
    va_end(arguments);
    return EINVAL;
}

/* -- the header ------------------------------------------------------------------ */

static int mark_add(struct loader *l, char *text)
{
    struct trace *t = l->trace;
    char *colon = strrchr(text, ':');
    uint64_t event;
    if (!colon || colon == text || !number_count(colon + 1, 0, l->header_events, &event))
        return loader_bad(l, "mark \"%s\" is not NAME:EVENT within the trace", text);
    *colon = '\0';
    if (t->nmarks && event < t->marks[t->nmarks - 1].event)
        return loader_bad(l, "mark \"%s\" stands before the one in front of it", text);
    trace_add_mark(t, text, event);
    return 0;
}

static int header_marks(struct loader *l, char *list)
{
    char *rest = NULL;
    for (char *one = strtok_r(list, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
        int error = mark_add(l, one);
        if (error)
            return error;
    }
    return 0;
}

/* "# RUNTIME MODEL events=N peak_live=BYTES [marks=...]" */
static int header_parse(struct loader *l, char *text)
{
    bool events = false, peak = false;
    char *marks = NULL;
    if (*text != '#')
        return loader_bad(l, "no header (\"# ... events=N peak_live=BYTES\")");
    text++;
    for (char *word = strtok_r(NULL, " \t", &text); word; word = strtok_r(NULL, " \t", &text)) {
        if (strncmp(word, "events=", 7) == 0) {
            if (!number_count(word + 7, 0, UINT32_MAX, &l->header_events))
                return loader_bad(l, "bad count of events \"%s\"", word + 7);
            events = true;
        } else if (strncmp(word, "peak_live=", 10) == 0) {
            if (!number_count(word + 10, 0, PTRDIFF_MAX, &l->trace->peak_live))
                return loader_bad(l, "bad peak \"%s\"", word + 10);
            peak = true;
        } else if (strncmp(word, "marks=", 6) == 0) {
            marks = word + 6;
        }
    }
    if (!events || !peak)
        return loader_bad(l, "the header lacks %s", events ? "peak_live=" : "events=");
    return marks ? header_marks(l, marks) : 0;
}

/* -- events ----------------------------------------------------------------------- */

static bool thread_number(struct loader *l, uint64_t named, uint32_t *thread)
{
    struct trace *t = l->trace;
    for (uint32_t i = 0; i < t->nthreads; i++)
        if (l->threads[i] == named) {
            *thread = i;
            return true;
        }
    if (t->nthreads == THREADS_MAX)
        return false;
    *thread = t->nthreads;
    l->threads[t->nthreads++] = named;
    return true;
}

/* The total goes from `from` (of this block) to `to`. */
static int total_move(struct loader *l, uint64_t from, uint64_t to)
{
    uint64_t without = l->total - from;
    if (to > PTRDIFF_MAX - without)
        return loader_bad(l, "the sum of the live sizes overflows");
    l->total = without + to;
    if (l->total > l->peak)
        l->peak = l->total;
    return 0;
}

static int event_allocate(struct loader *l, struct trace_event *event)
{
    struct trace *t = l->trace;
    if (event->id != t->nblocks + 1)
        return loader_bad(l, "id %u out of order, %u is next", event->id, t->nblocks + 1);
    l->live_size = memory_grow(l->live_size, t->nblocks, sizeof(*l->live_size));
    l->live = memory_grow(l->live, t->nblocks, sizeof(*l->live));
    l->live_size[t->nblocks] = event->size;
    l->live[t->nblocks] = 1;
    t->nblocks++;
    return total_move(l, 0, event->size);
}

static int event_change(struct loader *l, const struct trace_event *event)
{
    if (event->id == 0 || event->id > l->trace->nblocks)
        return loader_bad(l, "unknown id %u", event->id);
    if (!l->live[event->id - 1])
        return loader_bad(l,
                          event->kind == TRACE_FREE ? "id %u is freed twice"
                                                    : "id %u is resized after its free",
                          event->id);
    if (event->kind == TRACE_FREE)
        l->live[event->id - 1] = 0;
    uint64_t from = l->live_size[event->id - 1];
    l->live_size[event->id - 1] = event->size;
    return total_move(l, from, event->size);
}

static int event_numbers(struct loader *l, struct trace_event *event, char *text)
{
    uint64_t id, align = 0, thread;
    if (!number_count(strtok_r(NULL, " \t", &text), 0, UINT32_MAX, &id))
        return loader_bad(l, "no id (a number up to %u)", UINT32_MAX);
    if (event->kind != TRACE_FREE &&
        !number_count(strtok_r(NULL, " \t", &text), 0, PTRDIFF_MAX, &event->size))
        return loader_bad(l, "the size is no number up to %td", PTRDIFF_MAX);
    if (event->kind == TRACE_ALLOCATE) {
        if (!number_count(strtok_r(NULL, " \t", &text), 0, 1U << 31, &align))
            return loader_bad(l, "the alignment is no number up to %u", 1U << 31);
        if (align == 0 || (align & (align - 1)))
            return loader_bad(l, "alignment %u is no power of two", (unsigned)align);
    }
    if (!number_count(strtok_r(NULL, " \t", &text), 0, UINT32_MAX, &thread))
        return loader_bad(l, "no thread (a number)");
    if (!thread_number(l, thread, &event->thread))
        return loader_bad(l, "more than %d threads", THREADS_MAX);
    const char *more = strtok_r(NULL, " \t", &text);
    if (more)
        return loader_bad(l, "\"%s\" after the end of the event", more);
    event->id = (uint32_t)id;
    event->align = (uint32_t)align;
    return 0;
}

/* "a ID SIZE ALIGN THREAD", "f ID THREAD" or "r ID SIZE THREAD" */
static int event_parse(struct loader *l, char *text)
{
    struct trace_event event = {.kind = TRACE_FREE};
    const char *kind = strtok_r(NULL, " \t", &text);
    if (!kind || *kind == '#')
        return 0; /* an empty line, a comment */
    if (strcmp(kind, "a") == 0)
        event.kind = TRACE_ALLOCATE;
    else if (strcmp(kind, "r") == 0)
        event.kind = TRACE_RESIZE;
    else if (strcmp(kind, "f") != 0)
        return loader_bad(l, "\"%.20s\" is no event (a, f or r)", kind);
    int error = event_numbers(l, &event, text);
    if (error)
        return error;
    error = event.kind == TRACE_ALLOCATE ? event_allocate(l, &event) : event_change(l, &event);
    if (!error)
        trace_add_event(l->trace, &event);
    return error;
}

/* -- lines -------------------------------------------------------------------------- */

static int line_parse(struct loader *l, char *line, size_t n)
{
    l->line++;
    if (n >= LINE_BYTES)
        return loader_bad(l, "the line is longer than %d bytes", LINE_BYTES - 1);
    while (n && line[n - 1] == '\r')
        line[--n] = '\0';
    return l->line == 1 ? header_parse(l, line) : event_parse(l, line);
}

static int loader_finish(struct loader *l)
{
    struct trace *t = l->trace;
    size_t last = l->line;
    l->line = 1;
    if (last == 0)
        return loader_bad(l, "the file is empty");
    if (l->peak != t->peak_live && t->nevents == l->header_events)
        return loader_bad(l, "the header's peak is %zu, the events' own %zu", (size_t)t->peak_live,
                          (size_t)l->peak);
    l->line = last;
    if (t->nevents != l->header_events)
        return loader_bad(l, "the file ends after %zu events, the header says %zu", t->nevents,
                          (size_t)l->header_events);
    return 0;
}

static int text_parse(struct loader *l, struct file_text *file)
{
    char *at = file->text, *end = at + file->length;
    size_t length;
    int error = 0;
    for (char *line; !error && (line = file_line(&at, end, &length));) {
        if (file->damage && at > end)
            break; /* only a part of the line is there */
        error = line_parse(l, line, length);
    }
    if (!error && file->damage) {
        l->line++;
        error = loader_bad(l, "the compressed data is damaged or cut off (%s)", file->damage);
    }
    return error ? error : loader_finish(l);
}

static int text_load(struct loader *l)
{
    struct file_text file;
    int error = file_read(l->path, &file);
    if (error) {
        snprintf(l->why, l->nwhy, "%s: %s", l->path, strerror(error));
        return error;
    }
    l->trace->name = trace_name(l->path);
    error = text_parse(l, &file);
    free(file.text);
    free(l->live_size);
    free(l->live);
    return error;
}

/* -- what a file is ------------------------------------------------------------------ */

static const char *const endings[] = {".gz", ".trace", ".wtr"};

bool trace_is(const char *path)
{
    char start[4096];
    size_t n = file_begin(path, start, sizeof start - 1);
    bool binary = trace_is_binary(start, n);
    start[n] = '\0';
    start[strcspn(start, "\n")] = '\0';
    return binary || text_ends(path, ".trace") || text_ends(path, ".trace.gz") ||
           text_ends(path, ".wtr") || (*start == '#' && strstr(start, " events="));
}

char *trace_name(const char *path)
{
    const char *file = text_file_name(path);
    char *name = memory_text(file, strlen(file));
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
        if (text_ends(name, endings[i]))
            name[strlen(name) - strlen(endings[i])] = '\0';
    return name;
}

int trace_load(const char *path, struct trace *trace, char *why, size_t nwhy)
{
    char start[TRACE_MAGIC_SIZE];
    *trace = (struct trace){0};
    if (trace_is_binary(start, file_begin(path, start, sizeof start)))
        return trace_load_binary(path, trace, why, nwhy);
    struct loader l = {.path = path, .trace = trace, .why = why, .nwhy = nwhy};
    int error = text_load(&l);
    if (error)
        trace_free(trace);
    return error;
}

/* -- a trace in memory ----------------------------------------------------------------- */

void trace_add_event(struct trace *trace, const struct trace_event *event)
{
    trace->events = memory_grow(trace->events, trace->nevents, sizeof(*event));
    trace->events[trace->nevents++] = *event;
}

void trace_add_mark(struct trace *trace, const char *name, size_t event)
{
    trace->marks = memory_grow(trace->marks, trace->nmarks, sizeof(*trace->marks));
    trace->marks[trace->nmarks++] = (struct trace_mark){memory_text(name, strlen(name)), event};
}

void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < trace->nmarks; i++)
        free(trace->marks[i].name);
    free(trace->marks);
    free(trace->events);
    free(trace->name);
    *trace = (struct trace){0};
}
