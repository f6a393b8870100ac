/*
 * tools/run/record.c - the files of a recording: one for each process image. What is in the
 * shared memory is copied here as records of docs/internals/trace-format.md; what no recorder
 * writes is left out. Owns the names, the files and their first errors.
 *
 *   F         the program as it was started
 *   F.PID     another process
 *   F.PID.2   what a process became by exec, and so on
 *
 * %p in the name stands for the process, %e for its program. A file that is there and is no
 * recording is left alone: the next number is taken. Numbers and names of processes come
 * from the processes: neither says where a file is, nor how many there may be.
 */
#include "tools/run/run.h"

#include "observe/bytes.h"
#include "observe/crc32.h"
#include "observe/format.h"
#include "observe/ticks.h"
#include "observe/trace_frame.h"
#include "observe/trace_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM_LEAST 65536 /* bytes that must be left for a recording to be begun */
#define FILES_MOST 65536 /* of a run */
#define NAMES_MOST 100   /* that are tried for a recording */
#define PATHS      4096  /* lists by path, a power of two */

static struct {
    struct run_recording *first, **last;
    struct run_recording *paths[PATHS];
    struct run_recording *rest; /* of all that found no file; not in a list by path */
    unsigned count;
    int prepared; /* the first file, opened before the program was started; -1: none */
    char *prepared_path;
} recordings = {.prepared = -1};

const struct run_recording *run_record_first(void)
{
    return recordings.first;
}

/* -- writing ---------------------------------------------------------------------------- */

static void fail(struct run_recording *r, int error)
{
    r->error = error;
    if (ftruncate(r->file, (off_t)r->end) != 0)
        return; /* a torn record at the end is as good as none */
}

bool run_record_write(struct run_recording *r, uint32_t type, const void *head, size_t nhead,
                      const void *body, size_t nbody)
{
    if (r->error || r->file < 0)
        return false;
    int error = weir__trace_frame_write(r->file, type, head, nhead, body, nbody, r->end);
    if (error) {
        fail(r, error);
        return false;
    }
    r->end += WEIR__TRACE_RECORD + nhead + nbody;
    return true;
}

/* What does not fit as a whole may fit in part: frame by frame. */
static void frames_write(struct run_recording *r, const unsigned char *bytes, size_t n)
{
    for (size_t length; n && !r->error; bytes += length, n -= length) {
        uint32_t payload;
        memcpy(&payload, bytes + 4, sizeof payload);
        length = WEIR__TRACE_RECORD + payload;
        int error = weir__trace_bytes_write(r->file, bytes, length, r->end);
        if (error)
            fail(r, error);
        else
            r->end += length;
    }
}

void run_record_write_frames(struct run_recording *r, const unsigned char *bytes, size_t n)
{
    if (r->error || r->file < 0 || !n)
        return;
    if (weir__trace_bytes_write(r->file, bytes, n, r->end) == 0)
        r->end += n;
    else
        frames_write(r, bytes, n);
}

/* -- the first file ----------------------------------------------------------------------- */

static bool refuse(const char *path, const char *why)
{
    fprintf(stderr, "weir run: cannot record to \"%s\": %s\n", path, why);
    return false;
}

static char *absolute(const char *path)
{
    char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0), *whole = NULL;
    if (path[0] == '/')
        return strdup(path);
    if (!folder || asprintf(&whole, "%s/%s", folder, path) < 0)
        whole = NULL;
    free(folder);
    return whole;
}

/* Space for a beginning, which is given back at once. */
static int room_try(int file)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < ROOM_LEAST)
        return EFBIG;
    int error = posix_fallocate(file, 0, ROOM_LEAST);
    if (error == EOPNOTSUPP || error == EINVAL)
        error = 0;
    if (ftruncate(file, 0) != 0 && !error)
        error = errno;
    return error;
}

static const char *reason(int error)
{
    return error == EFBIG         ? "File too large: the limit on the size of files leaves no room"
           : error == ESPIPE      ? "it is not a regular file"
           : error == EWOULDBLOCK ? "another weir run is recording to it"
                                  : strerror(error);
}

/* Opened, locked, empty; or -errno. */
static int file_open(const char *path, int flags)
{
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
        return -ESPIPE; /* to open it is an event for who is at its other end */
    int file = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC | flags, 0666);
    if (file < 0)
        return errno == ENXIO ? -ESPIPE : -errno;
    int error = fstat(file, &about) != 0              ? errno
                : !S_ISREG(about.st_mode)             ? ESPIPE
                : flock(file, LOCK_EX | LOCK_NB) != 0 ? errno
                                                      : 0;
    if (error)
        close(file);
    return error ? -error : file;
}

static char *name_expand(const char *pattern, int pid, const char *given);

/* Where the name is known before the program is: without %p. */
bool run_record_prepare(struct run *run)
{
    const char *program = strrchr(run->command[0], '/');
    recordings.last = &recordings.first;
    char *pattern = absolute(run->record);
    if (!pattern)
        return refuse(run->record, strerror(errno));
    run->record = pattern;
    if (!pattern[0] || !run->record[0] || pattern[strlen(pattern) - 1] == '/')
        return refuse(run->record, strerror(EISDIR));
    bool known = !strstr(pattern, "%p");
    char *path = name_expand(pattern, (int)getpid(), program ? program + 1 : run->command[0]);
    bool there = path && access(path, F_OK) == 0;
    int file = path ? file_open(path, 0) : -ENOMEM, error = file < 0 ? -file : room_try(file);
    if (!error && known)
        error = weir__trace_preamble_write(file);
    if (file >= 0 && (error || !known)) {
        close(file);
        if (!there)
            unlink(path);
        file = -1;
    }
    if (error) {
        refuse(path ? path : pattern, reason(error));
        free(path);
        return false;
    }
    recordings.prepared = file;
    recordings.prepared_path = path;
    return true;
}

/* -- names -------------------------------------------------------------------------------- */

/* A program's name as far as a file's can have it. It leads to no other folder and steers no
 * terminal. */
static void name_make_safe(const char *program, char *name, size_t size)
{
    size_t n = 0;
    for (const char *at = program; *at && n + 1 < size; at++)
        name[n++] = (char)((unsigned char)*at < ' ' || *at == 0x7f || *at == '/' ? '_' : *at);
    name[n] = '\0';
    if (!n || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        snprintf(name, size, "program");
}

static char *name_expand(const char *pattern, int pid, const char *given)
{
    char program[WEIR__RUN_NAME], *name = NULL;
    size_t size;
    FILE *to = open_memstream(&name, &size);
    if (!to)
        return NULL;
    name_make_safe(given, program, sizeof program);
    for (const char *at = pattern; *at; at++) {
        if (at[0] == '%' && at[1] == 'p')
            fprintf(to, "%d", pid);
        else if (at[0] == '%' && at[1] == 'e')
            fputs(program, to);
        else if (at[0] == '%' && at[1] == '%')
            fputc('%', to);
        else {
            fputc(*at, to);
            continue;
        }
        at++;
    }
    return fclose(to) == 0 ? name : NULL;
}

static bool is_trace(int file)
{
    char magic[8];
    return pread(file, magic, sizeof magic, 0) == sizeof magic &&
           memcmp(magic, WEIR__TRACE_MAGIC, sizeof magic) == 0;
}

static struct run_recording **list_of_path(const char *path)
{
    uint32_t hash = weir__crc32(0, path, strlen(path));
    return &recordings.paths[hash % PATHS];
}

/* Of this run, already. */
static bool is_ours(const char *path)
{
    for (const struct run_recording *r = *list_of_path(path); r; r = r->same)
        if (strcmp(r->path, path) == 0)
            return true;
    return recordings.prepared_path && strcmp(recordings.prepared_path, path) == 0;
}

/* A new file, or one that an earlier run recorded to. -errno; EEXIST: something else. A link
 * is not followed: others may have put it there, and processes choose among the names. */
static int file_take(const char *path)
{
    if (is_ours(path))
        return -EEXIST;
    int file = file_open(path, O_EXCL);
    if (file != -EEXIST)
        return file;
    file = file_open(path, O_NOFOLLOW);
    if (file == -ELOOP || file == -ESPIPE || file == -EISDIR)
        return -EEXIST;
    if (file < 0)
        return file;
    if (is_trace(file) && ftruncate(file, 0) == 0)
        return file;
    close(file);
    return -EEXIST;
}

/* The file of an image that is not the first: its path in *path. -errno */
static int file_of_image(const struct run *run, const struct run_image *image, char **path)
{
    char *base = name_expand(run->record, image->pid, image->program);
    bool named = strstr(run->record, "%p") != NULL;
    int file = base ? -EEXIST : -ENOMEM;
    int from = named ? 1 : image->nth;
    for (int nth = from; base && file == -EEXIST && nth < from + NAMES_MOST; nth++) {
        char pid[16] = "", number[16] = "";
        if (!named)
            snprintf(pid, sizeof pid, ".%d", image->pid);
        if (nth > 1)
            snprintf(number, sizeof number, ".%d", nth);
        free(*path);
        *path = NULL;
        if (asprintf(path, "%s%s%s", base, pid, number) < 0)
            break;
        file = file_take(*path);
    }
    free(base);
    return file;
}

/* -- recordings ---------------------------------------------------------------------------- */

/* The file that was opened before the start is for the program as it was started. */
static bool prepared_is_for(const struct run *run, const struct run_image *image)
{
    return recordings.prepared >= 0 && image->pid == run->pid && image->nth == 1 &&
           image->kind == WEIR__RUN_MALLOC;
}

static struct run_recording *recording_make(void)
{
    struct run_recording *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->file = -1;
    *recordings.last = r;
    recordings.last = &r->next;
    return r;
}

/* Stands for all processes beyond FILES_MOST. */
static struct run_recording *recording_rest(const struct run *run)
{
    struct run_recording *r = recordings.rest;
    if (r || !(r = recording_make()))
        return r;
    if (asprintf(&r->path, "%s, of more than %d processes", run->record, FILES_MOST) < 0)
        r->path = NULL;
    r->error = EMFILE;
    return recordings.rest = r;
}

struct run_recording *run_record_of(struct run *run, struct run_image *image)
{
    struct run_recording *r = image->recording;
    if (r || !run->record)
        return r;
    if (recordings.count == FILES_MOST)
        return image->recording = recording_rest(run);
    r = recording_make();
    if (!r)
        return NULL;
    recordings.count++;
    if (prepared_is_for(run, image)) {
        r->file = recordings.prepared;
        r->path = recordings.prepared_path;
        recordings.prepared = -1;
        recordings.prepared_path = NULL;
    } else {
        r->file = file_of_image(run, image, &r->path);
        r->error = r->file < 0 ? -r->file : weir__trace_preamble_write(r->file);
    }
    r->end = WEIR__TRACE_PREAMBLE;
    if (r->path) {
        struct run_recording **list = list_of_path(r->path);
        r->same = *list;
        *list = r;
    }
    return image->recording = r;
}

/* -- events and samples --------------------------------------------------------------------------
 */

void run_record_events(struct run_recording *r, const struct weir__run_chunk *front,
                       const unsigned char *bytes)
{
    unsigned char head[5 * WEIR__VARINT_MOST];
    uint64_t events = front->filled >> 32;
    size_t n = (size_t)(weir__chunk_head(head, front, events) - head);
    r->odd |= events > (uint32_t)front->filled;
    if (r->headed && events <= (uint32_t)front->filled &&
        run_record_write(r, WEIR__TRACE_EVTS, head, n, bytes, (uint32_t)front->filled))
        r->events += events;
}

void run_record_jit(struct run_recording *r, const void *record, size_t length)
{
    if (r->headed)
        run_record_write(r, WEIR__TRACE_JITM, record, length, NULL, 0);
}

static size_t numbers_put(unsigned char *to, const uint64_t *numbers, size_t n)
{
    unsigned char *at = to;
    for (size_t i = 0; i < n; i++)
        at = weir__put_varint(at, numbers[i]);
    return (size_t)(at - to);
}

void run_record_sample(struct run_recording *r, uint64_t number, uint64_t resident,
                       uint64_t reserved, uint64_t of_files)
{
    const uint64_t numbers[] = {number,   weir__ticks_now(), run_clock(),
                                resident, reserved,          of_files};
    unsigned char record[6 * WEIR__VARINT_MOST];
    if (r->headed)
        run_record_write(r, WEIR__TRACE_SAMP, record, numbers_put(record, numbers, 6), NULL, 0);
}

static size_t foot_put(unsigned char *record, const struct run_recording *r,
                       const struct weir__run_image *image)
{
    const struct weir__trace_account *a = &image->account;
    const uint64_t numbers[] = {
        a->sequence, a->allocations,   a->frees,     a->total,           a->count,
        a->peak,     a->peak_sequence, r->missing,   (uint64_t)r->error, weir__ticks_now(),
        run_clock(), image->reserved,  r->under_way, a->stacks_cut,      a->stack_nodes};
    return numbers_put(record, numbers, sizeof numbers / sizeof *numbers);
}

/* Where the end cannot be appended, it goes where room was left for it. */
void run_record_end(struct run_recording *r, const struct weir__run_image *image)
{
    unsigned char record[RUN_FOOT_MOST] = {0};
    r->total += image->account.sequence;
    r->odd |= r->events > r->total;
    r->missing = r->total > r->events ? r->total - r->events : 0;
    if (!r->error && r->missing > image->account.missed)
        r->under_way = r->missing - image->account.missed;
    size_t n = foot_put(record, r, image);
    r->footed = r->headed && run_record_write(r, WEIR__TRACE_FOOT, record, n, NULL, 0);
    if (!r->footed && r->room && r->file >= 0) {
        memset(record, 0, sizeof record);
        foot_put(record, r, image);
        r->footed = weir__trace_frame_write(r->file, WEIR__TRACE_FOOT, record, sizeof record, NULL,
                                            0, r->room) == 0;
    }
    if (r->file >= 0 && close(r->file) != 0 && !r->error)
        r->error = errno;
    r->file = -1;
    run_names_free(r);
}

void run_record_forget(void)
{
    for (struct run_recording *r = recordings.first, *next; r; r = next) {
        next = r->next;
        run_names_free(r);
        free(r->path);
        free(r);
    }
    free(recordings.prepared_path);
    memset(&recordings, 0, sizeof recordings);
    recordings.prepared = -1;
}

bool run_record_close(void)
{
    bool whole = true;
    for (struct run_recording *r = recordings.first; r; r = r->next) {
        if (r->file >= 0 && close(r->file) != 0 && !r->error)
            r->error = errno;
        r->file = -1;
        r->odd |= !r->headed && !r->missing;
        whole &= !r->error && r->missing == r->under_way && !r->odd;
    }
    if (recordings.prepared >= 0)
        close(recordings.prepared);
    return whole;
}
