/* tools/stats/process.c - see process.h. No word of the memory is trusted: programs write it. */
#include "tools/stats/process.h"
#include "tools/common/text.h"
#include "tools/common/time.h"
#include "tools/shown/figures.h"

#include "observe/run_attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENVIRONMENT_MOST ((size_t)8 << 20)
#define HEAPS            8 /* of one process: malloc's, and one of each libweir */

static int refuse(int pid, const char *why)
{
    fprintf(stderr, "weir stats: process %d: %s\n", pid, why);
    return 1;
}

/* -- what the system says of it ------------------------------------------------------------------
 */

/* All of a file of /proc/PID, and a zero behind it; from malloc. NULL: errno says why. */
static char *process_file(int pid, const char *name, size_t *n)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *from = fopen(path, "re");
    if (!from)
        return NULL;
    size_t room = 1 << 16, got;
    char *text = malloc(room + 1);
    *n = 0;
    errno = 0;
    while (text && (got = fread(text + *n, 1, room - *n, from)) > 0) {
        *n += got;
        if (*n < room)
            continue;
        if (room == ENVIRONMENT_MOST)
            break;
        char *more = realloc(text, 2 * room + 1);
        if (!more)
            break;
        text = more;
        room *= 2;
    }
    int error = errno;
    fclose(from);
    if (text && *n == 0 && error) {
        free(text);
        text = NULL;
    }
    if (text)
        text[*n] = '\0';
    errno = error;
    return text;
}

/* What follows a name in its status; NULL: it is not there. The text is the caller's. */
static const char *status_find(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    return at ? at + strlen(name) : NULL;
}

static uint64_t status_bytes(const char *status, const char *name)
{
    const char *at = status_find(status, name);
    return at ? strtoull(at, NULL, 10) * 1024 : 0;
}

/* As the process sees itself: the last of its numbers, one a namespace. */
static int status_own_pid(const char *status, int pid)
{
    const char *at = status_find(status, "\nNSpid:");
    char *end;
    while (at && *at == '\t') {
        pid = (int)strtol(at + 1, &end, 10);
        at = end;
    }
    return pid;
}

static bool status_is_over(const char *status)
{
    const char *at = status_find(status, "\nState:\t");
    return at && (*at == 'Z' || *at == 'X');
}

/* The variable of its environment; the text stays in `environment`. */
static const char *variable_find(const char *environment, size_t n, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = environment; at < environment + n; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return at + length + 1;
    return NULL;
}

/* -- what it shows --------------------------------------------------------------------------------
 */

struct heap {
    struct weir__run_image image;
    struct run_figures figures;
};

struct shown {
    struct heap heaps[HEAPS];
    unsigned n;
    char *status;
};

static int by_kind(const void *a, const void *b)
{
    const struct heap *left = a, *right = b;
    return left->image.kind < right->image.kind ? -1 : left->image.kind > right->image.kind;
}

/* The images of a process that runs: what it was before an exec is not meant. */
static void heaps_find(struct shown *s, void *page, int own_pid)
{
    static struct weir__run_image copies[WEIR__RUN_IMAGES];
    static const struct weir__run_image *images[WEIR__RUN_IMAGES];
    static struct run_tallies sums[WEIR__RUN_IMAGES];
    const uint32_t *owners = weir__run_image_owner(page);
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        struct weir__run_image *from = weir__run_image(page, i);
        if (__atomic_load_n(&owners[i], __ATOMIC_ACQUIRE) == 0 ||
            __atomic_load_n(&from->state, __ATOMIC_ACQUIRE) != WEIR__RUN_RUNNING ||
            __atomic_load_n(&from->pid, __ATOMIC_RELAXED) != own_pid)
            continue;
        memcpy(&copies[i], from, sizeof copies[i]);
        copies[i].program[sizeof copies[i].program - 1] = '\0';
        images[i] = &copies[i];
    }
    run_tallies_sum(page, ((const struct weir__run_head *)page)->unit, images, sums);
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES && s->n < HEAPS; i++)
        if (images[i])
            s->heaps[s->n++] = (struct heap){copies[i], run_figures_of(&copies[i], &sums[i])};
    qsort(s->heaps, s->n, sizeof *s->heaps, by_kind);
}

/* 0, or 1 after one line. */
static int shown_read(struct shown *s, int pid)
{
    size_t n;
    s->status = process_file(pid, "status", &n);
    if (!s->status)
        return refuse(pid, errno == ENOENT || errno == ESRCH ? "no such process" : strerror(errno));
    if (status_is_over(s->status))
        return refuse(pid, "it has ended");
    char *environment = process_file(pid, "environ", &n);
    if (!environment)
        return refuse(pid, errno == EACCES || errno == EPERM   ? "it is another user's"
                           : errno == ENOENT || errno == ESRCH ? "it has ended"
                                                               : strerror(errno));
    const char *where = variable_find(environment, n, WEIR__RUN_VARIABLE);
    void *page = where ? weir__run_attach_to(where, false) : NULL;
    bool named = where != NULL;
    free(environment);
    if (!named)
        return refuse(pid, "it is not under weir run");
    if (!page)
        return refuse(pid, "its weir run has ended, or is another user's");
    heaps_find(s, page, status_own_pid(s->status, pid));
    return s->n ? 0 : refuse(pid, "weir is not in it: weir run says why when it ends");
}

/* -- as text
 * --------------------------------------------------------------------------------------- */

static void figures_text(const struct run_figures *f)
{
    printf("  peak       %s in %s", text_bytes(f->peak), text_of(f->peak_blocks, "blocks"));
    if (f->peak_at)
        printf(", %.3f s ago", time_seconds(f->peak_at, time_now()));
    printf("\n  live       %s in %s\n", text_bytes(f->live), text_of(f->blocks, "blocks"));
    printf("  traffic    %s allocated, %s freed\n", text_of(f->allocations, "blocks"),
           text_count(f->frees));
    printf("  memory     %s in use, %s kept for re-use, %s book-keeping, %.3f s ago\n",
           text_scaled(f->in_use), text_scaled(f->cached), text_scaled(f->metadata),
           time_seconds(f->as_of, time_now()));
    if (f->limit || f->failures)
        printf("  limit      %s; %s refused\n", f->limit ? text_bytes(f->limit) : "none",
               text_of(f->failures, "requests"));
}

static void heap_text(const struct heap *heap, int pid)
{
    text_plain(stdout, heap->image.program, 100);
    printf(" (pid %d)%s, for %.3f s\n", pid,
           heap->image.kind == WEIR__RUN_LIBWEIR ? ", libweir's own heap" : "",
           time_seconds(heap->image.started, time_now()));
    if (heap->image.flags & WEIR__RUN_FOREIGN_MALLOC)
        printf("  another malloc serves this program: its memory is not known\n");
    else
        figures_text(&heap->figures);
}

static void shown_text(const struct shown *s, int pid)
{
    for (unsigned i = 0; i < s->n; i++)
        heap_text(&s->heaps[i], pid);
    printf("  resident   %s, %s at most: code, stacks and all\n",
           text_scaled(status_bytes(s->status, "\nVmRSS:")),
           text_scaled(status_bytes(s->status, "\nVmHWM:")));
}

/* -- as JSON
 * --------------------------------------------------------------------------------------- */

static void heap_json(struct json *j, const struct heap *heap)
{
    const struct run_figures *f = &heap->figures;
    json_object(j, NULL);
    json_text(j, "heap", heap->image.kind == WEIR__RUN_LIBWEIR ? "libweir" : "malloc");
    json_real(j, "seconds", time_seconds(heap->image.started, time_now()));
    json_bool(j, "known", !(heap->image.flags & WEIR__RUN_FOREIGN_MALLOC));
    run_figures_json(j, f);
    json_real(j, "memory_seconds_ago", time_seconds(f->as_of, time_now()));
    json_end(j);
}

static void shown_json(const struct shown *s, int pid, struct json *j)
{
    json_object(j, NULL);
    json_signed(j, "pid", pid);
    json_text(j, "program", s->heaps[0].image.program);
    json_count(j, "resident", status_bytes(s->status, "\nVmRSS:"));
    json_count(j, "resident_most", status_bytes(s->status, "\nVmHWM:"));
    json_array(j, "heaps");
    for (unsigned i = 0; i < s->n; i++)
        heap_json(j, &s->heaps[i]);
    json_end(j);
    json_end(j);
}

int stats_process(int pid, struct json *j)
{
    static struct shown s;
    int status = shown_read(&s, pid);
    if (status == 0 && j)
        shown_json(&s, pid, j);
    else if (status == 0)
        shown_text(&s, pid);
    free(s.status);
    return status;
}
