/*
 * tools/trace/load.c - reads the text format of bench/traces (bench/traces/README.md),
 * plain or through zlib, and checks it against itself: ids in order, nothing freed twice,
 * the header's count and peak equal to the events' own. A file that starts with a byte
 * no text has goes to trace_load_binary, where that is linked.
 *
 * No state outside the call; any thread.
 */
#include "tools/trace/load.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
static const bool with_zlib = true;
#else
static const bool with_zlib = false;
#endif

enum { LINE_BYTES = 1 << 16, THREADS_MAX = 1024 };

/* tools/trace/binary.c; weak, because either file works without the other. */
__attribute__((weak)) int trace_load_binary(const char *path, struct trace *trace, char *why,
                                            size_t nwhy);

struct loader {
    const char *path;
    struct trace *trace;
    char *why;
    size_t nwhy;
    size_t line;
    size_t capacity;     /* of trace->events */
    uint64_t *live_size; /* by id - 1: size now */
    uint8_t *live;       /* by id - 1: is it? */
    size_t block_capacity;
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

static int loader_no_memory(struct loader *l)
{
    snprintf(l->why, l->nwhy, "%s: no memory for the trace", l->path);
    return ENOMEM;
}

/* Makes room for one more element of `size` bytes at *array. */
static bool array_grow(void *array, size_t used, size_t *capacity, size_t size)
{
    if (used < *capacity)
        return true;
    size_t more = *capacity ? *capacity * 2 : 1024;
    void *grown = reallocarray(*(void **)array, more, size);
    if (!grown)
        return false;
    *(void **)array = grown;
    *capacity = more;
    return true;
}

/* -- words and numbers --------------------------------------------------------- */

/* The next word of the line, cut out; NULL at its end. */
static char *word_next(char **at)
{
    char *word = *at + strspn(*at, " \t");
    if (!*word)
        return NULL;
    char *end = word + strcspn(word, " \t");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* A decimal number and nothing else, at most `max`. */
static bool number_parse(const char *word, uint64_t max, uint64_t *value)
{
    *value = 0;
    if (!word || !isdigit((unsigned char)*word))
        return false;
    for (; isdigit((unsigned char)*word); word++) {
        unsigned digit = (unsigned)(*word - '0');
        if (digit > max || *value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return *word == '\0';
}

/* -- the header ------------------------------------------------------------------ */

static int mark_add(struct loader *l, char *text)
{
    struct trace *t = l->trace;
    char *colon = strrchr(text, ':');
    uint64_t event;
    if (!colon || colon == text || !number_parse(colon + 1, l->header_events, &event))
        return loader_bad(l, "mark \"%s\" is not NAME:EVENT within the trace", text);
    *colon = '\0';
    if (t->nmarks && event < t->marks[t->nmarks - 1].event)
        return loader_bad(l, "mark \"%s\" stands before the one in front of it", text);
    struct trace_mark *grown = reallocarray(t->marks, t->nmarks + 1, sizeof(*grown));
    if (!grown)
        return loader_no_memory(l);
    t->marks = grown;
    char *name = strdup(text);
    if (!name)
        return loader_no_memory(l);
    t->marks[t->nmarks++] = (struct trace_mark){.name = name, .event = (size_t)event};
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
    for (char *word = word_next(&text); word; word = word_next(&text)) {
        if (strncmp(word, "events=", 7) == 0) {
            if (!number_parse(word + 7, UINT32_MAX, &l->header_events))
                return loader_bad(l, "bad count of events \"%s\"", word + 7);
            events = true;
        } else if (strncmp(word, "peak_live=", 10) == 0) {
            if (!number_parse(word + 10, PTRDIFF_MAX, &l->trace->peak_live))
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

static int event_append(struct loader *l, const struct trace_event *event)
{
    struct trace *t = l->trace;
    if (!array_grow(&t->events, t->nevents, &l->capacity, sizeof(*t->events)))
        return loader_no_memory(l);
    t->events[t->nevents++] = *event;
    return 0;
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
    if (t->nblocks == l->block_capacity) {
        size_t capacity = l->block_capacity, same = capacity;
        if (!array_grow(&l->live_size, t->nblocks, &capacity, sizeof(*l->live_size)) ||
            !array_grow(&l->live, t->nblocks, &same, sizeof(*l->live)))
            return loader_no_memory(l);
        l->block_capacity = capacity;
    }
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
    if (!number_parse(word_next(&text), UINT32_MAX, &id))
        return loader_bad(l, "no id (a number up to %u)", UINT32_MAX);
    if (event->kind != TRACE_FREE && !number_parse(word_next(&text), PTRDIFF_MAX, &event->size))
        return loader_bad(l, "the size is no number up to %td", PTRDIFF_MAX);
    if (event->kind == TRACE_ALLOCATE) {
        if (!number_parse(word_next(&text), 1U << 31, &align))
            return loader_bad(l, "the alignment is no number up to %u", 1U << 31);
        if (align == 0 || (align & (align - 1)))
            return loader_bad(l, "alignment %u is no power of two", (unsigned)align);
    }
    if (!number_parse(word_next(&text), UINT32_MAX, &thread))
        return loader_bad(l, "no thread (a number)");
    if (!thread_number(l, thread, &event->thread))
        return loader_bad(l, "more than %d threads", THREADS_MAX);
    const char *more = word_next(&text);
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
    const char *kind = word_next(&text);
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
    return error ? error : event_append(l, &event);
}

/* -- lines -------------------------------------------------------------------------- */

static int line_parse(struct loader *l, char *line)
{
    l->line++;
    size_t n = strlen(line);
    if (n == LINE_BYTES - 1 && line[n - 1] != '\n')
        return loader_bad(l, "the line is longer than %d bytes", LINE_BYTES - 2);
    while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        line[--n] = '\0';
    return l->line == 1 ? header_parse(l, line) : event_parse(l, line);
}

static int loader_finish(struct loader *l)
{
    struct trace *t = l->trace;
    if (l->line == 0) {
        l->line = 1;
        return loader_bad(l, "the file is empty");
    }
    if (t->nevents != l->header_events)
        return loader_bad(l, "the file ends after %zu events, the header says %zu", t->nevents,
                          (size_t)l->header_events);
    if (l->peak != t->peak_live) {
        l->line = 1;
        return loader_bad(l, "the header's peak is %zu, the events' own %zu", (size_t)t->peak_live,
                          (size_t)l->peak);
    }
    return 0;
}

#ifdef HAVE_ZLIB

/* What zlib complains of, or NULL. */
static const char *gz_damage(gzFile in)
{
    int status;
    const char *message = gzerror(in, &status);
    return status != Z_OK && status != Z_STREAM_END ? message : NULL;
}

/* zlib reads plain files as they are. */
static int loader_read(struct loader *l, FILE *file, char *line)
{
    int copy = dup(fileno(file));
    gzFile in = copy >= 0 ? gzdopen(copy, "rb") : NULL;
    if (!in)
        return loader_no_memory(l);
    gzbuffer(in, 1 << 17);
    int error = 0;
    while (!error && gzgets(in, line, LINE_BYTES)) {
        if (!strchr(line, '\n') && gz_damage(in))
            break; /* only a part of the line is there */
        error = line_parse(l, line);
    }
    const char *damage = gz_damage(in);
    if (!error && damage) {
        l->line++;
        error = loader_bad(l, "the compressed data is damaged or cut off (%s)", damage);
    }
    gzclose(in);
    return error;
}

#else

static int loader_read(struct loader *l, FILE *file, char *line)
{
    int error = 0;
    while (!error && fgets(line, LINE_BYTES, file))
        error = line_parse(l, line);
    return error;
}

#endif

/* -- what the file is ------------------------------------------------------------------ */

enum trace_format { FORMAT_TEXT, FORMAT_GZIP, FORMAT_BINARY };

/* By the first bytes. An unreadable file (a folder) leaves its error indicator set. */
static enum trace_format format_of(FILE *file)
{
    unsigned char head[2] = {0, 0};
    size_t n = fread(head, 1, sizeof(head), file);
    if (ferror(file))
        return FORMAT_TEXT;
    rewind(file);
    if (n == 2 && head[0] == 0x1f && head[1] == 0x8b)
        return FORMAT_GZIP;
    if (n && !isprint(head[0]) && !isspace(head[0]))
        return FORMAT_BINARY;
    return FORMAT_TEXT;
}

static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash ? slash + 1 : path);
    static const char *const endings[] = {".gz", ".trace", ".wtr"};
    for (size_t i = 0; name && i < sizeof(endings) / sizeof(*endings); i++) {
        size_t n = strlen(name), m = strlen(endings[i]);
        if (n > m && strcmp(name + n - m, endings[i]) == 0)
            name[n - m] = '\0';
    }
    return name;
}

static int text_load(struct loader *l, FILE *file)
{
    char *line = malloc(LINE_BYTES);
    l->trace->name = name_of(l->path);
    int error = line && l->trace->name ? loader_read(l, file, line) : loader_no_memory(l);
    free(line);
    free(l->live_size);
    free(l->live);
    return error ? error : loader_finish(l);
}

int trace_load(const char *path, struct trace *trace, char *why, size_t nwhy)
{
    memset(trace, 0, sizeof(*trace));
    struct loader l = {.path = path, .trace = trace, .why = why, .nwhy = nwhy};
    FILE *file = fopen(path, "rbe");
    if (!file) {
        int error = errno;
        snprintf(why, nwhy, "%s: %s", path, strerror(error));
        return error;
    }
    int error;
    enum trace_format format = format_of(file);
    if (ferror(file)) {
        error = errno ? errno : EIO;
        snprintf(why, nwhy, "%s: %s", path, strerror(error));
    } else if (format == FORMAT_BINARY && trace_load_binary) {
        fclose(file);
        return trace_load_binary(path, trace, why, nwhy);
    } else if (format == FORMAT_BINARY || (format == FORMAT_GZIP && !with_zlib)) {
        l.line = 1;
        error = loader_bad(&l, format == FORMAT_GZIP ? "compressed, and this weir lacks zlib"
                                                     : "neither text nor gzip");
    } else {
        error = text_load(&l, file);
    }
    fclose(file);
    if (error)
        trace_free(trace);
    return error;
}

void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < trace->nmarks; i++)
        free(trace->marks[i].name);
    free(trace->marks);
    free(trace->events);
    free(trace->name);
    memset(trace, 0, sizeof(*trace));
}
