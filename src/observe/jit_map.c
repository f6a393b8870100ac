/* observe/jit_map.c - see jit_map.h. The file is read twice: which line is meant for each address,
 * then those lines. */
#include "observe/jit_map.h"

#include "observe/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ 16384
#define COARSE                                                                                     \
    UINT64_C(20000000) /* times of files are those of a clock that ticks so seldom, ns             \
                        */
#define NS UINT64_C(1000000000)

static uint64_t clock_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

static bool written_between(const struct stat *about, uint64_t since, uint64_t until)
{
    uint64_t written = (uint64_t)about->st_mtim.tv_sec * NS + (uint64_t)about->st_mtim.tv_nsec;
    uint64_t ago = clock_of(CLOCK_REALTIME) - written, now = clock_of(CLOCK_BOOTTIME);
    uint64_t at = ago < now ? now - ago : 0;
    return at + COARSE >= since && at <= until;
}

int weir__jit_map_open(int pid, uint64_t since, uint64_t until)
{
    char path[64];
    struct stat about;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", pid);
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0)
        return -1;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
        written_between(&about, since, until))
        return file;
    close(file);
    return -1;
}

/* -- lines --------------------------------------------------------------------------------------
 */

struct line {
    uint64_t at; /* where it begins in the file */
    uint64_t start, size;
    uint32_t hash;
    size_t length;
    char name[WEIR__JIT_NAME];
};

struct reader {
    int file;
    uint64_t at; /* of the next byte */
    size_t used, filled;
    char bytes[READ];
};

static void reader_seek(struct reader *r, uint64_t at)
{
    r->at = at;
    r->used = r->filled = 0;
}

/* The next byte, or -1. */
static int reader_next(struct reader *r)
{
    if (r->used == r->filled) {
        ssize_t n = -1;
        if (r->at < WEIR__JIT_MOST)
            do
                n = pread(r->file, r->bytes, READ, (off_t)r->at);
            while (n < 0 && errno == EINTR);
        r->used = 0;
        r->filled = n > 0 ? (size_t)n : 0;
        if (!r->filled)
            return -1;
    }
    r->at++;
    return (unsigned char)r->bytes[r->used++];
}

static int hex_digit(int c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* A number and the space behind it; `c`: its first byte, then what ended it. False: it is none. */
static bool number_read(struct reader *r, int *c, uint64_t *value)
{
    unsigned digits = 0;
    *value = 0;
    for (; hex_digit(*c) >= 0; *c = reader_next(r), digits++)
        *value = *value << 4 | (uint64_t)hex_digit(*c);
    if (!digits || digits > 16 || *c != ' ')
        return false;
    *c = reader_next(r);
    return true;
}

static bool is_tier(int c)
{
    return c == '~' || c == '^' || c == '+' || c == '*';
}

static int name_read(struct reader *r, int c, struct line *line)
{
    line->length = 0;
    line->hash = 2166136261u;
    for (; c >= 0 && c != '\n'; c = reader_next(r)) {
        if (line->length < sizeof line->name)
            line->name[line->length++] = (char)c;
        if (!is_tier(c))
            line->hash = (line->hash ^ (uint32_t)c) * 16777619u;
    }
    return c;
}

/* False: it was the last. A line that is none has no size. */
static bool line_read(struct reader *r, struct line *line)
{
    line->at = r->at;
    line->size = 0;
    int c = reader_next(r);
    if (c < 0)
        return false;
    bool right = number_read(r, &c, &line->start) && number_read(r, &c, &line->size);
    c = name_read(r, c, line);
    /* A line without an end may be half of one: its writer was ended. */
    if (!right || c != '\n' || line->size > UINT64_MAX - line->start)
        line->size = 0;
    return true;
}

/* -- which of them ------------------------------------------------------------------------------
 */

static void sift(struct weir__jit_wanted *w, size_t from, size_t n)
{
    struct weir__jit_wanted moved = w[from];
    for (size_t child; (child = 2 * from + 1) < n; from = child) {
        child += child + 1 < n && w[child + 1].address > w[child].address;
        if (w[child].address <= moved.address)
            break;
        w[from] = w[child];
    }
    w[from] = moved;
}

/* qsort may allocate. Returns how many different ones there are. */
static size_t wanted_sort(struct weir__jit_wanted *w, size_t n)
{
    size_t different = 0;
    for (size_t i = n / 2; i-- > 0;)
        sift(w, i, n);
    for (size_t end = n; end > 1; end--) {
        struct weir__jit_wanted greatest = w[0];
        w[0] = w[end - 1];
        w[end - 1] = greatest;
        sift(w, 0, end - 1);
    }
    for (size_t i = 0; i < n; i++)
        if (!different || w[different - 1].address != w[i].address)
            w[different++] = w[i];
    return different;
}

/* The first whose code may lie at or behind `start`. */
static size_t wanted_from(const struct weir__jit_wanted *w, size_t n, uint64_t start)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w[middle].address <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void wanted_meet(struct weir__jit_wanted *w, const struct line *line)
{
    if (w->line && w->hash != line->hash)
        w->other = w->line;
    w->line = line->at + 1;
    w->hash = line->hash;
}

static void lines_match(struct reader *r, struct line *line, struct weir__jit_wanted *w, size_t n)
{
    uint64_t steps = 0;
    reader_seek(r, 0);
    while (line_read(r, line)) {
        if (!line->size)
            continue;
        for (size_t i = wanted_from(w, n, line->start);
             i < n && w[i].address - 1 - line->start < line->size; i++, steps++) {
            if (steps == WEIR__JIT_STEPS)
                return;
            wanted_meet(&w[i], line);
        }
    }
}

/* -- records --------------------------------------------------------------------------------------
 */

static bool line_again(struct reader *r, struct line *line, uint64_t at)
{
    reader_seek(r, at - 1);
    return line_read(r, line) && line->size;
}

#define OR        " or "
#define OR_BYTES  (sizeof OR - 1)
#define BOTH_MOST (2 * WEIR__JIT_NAME + OR_BYTES) /* bytes of two names */

_Static_assert(2 * WEIR__VARINT_MOST + WEIR__VARINT_MOST + BOTH_MOST <= WEIR__JIT_RECORD,
               "a record holds both");

static void record_put(uint64_t start, uint64_t size, const char *name, size_t length,
                       void (*write)(void *user, const void *record, size_t length), void *user)
{
    unsigned char record[WEIR__JIT_RECORD], *at = record;
    at = weir__put_varint(at, start);
    at = weir__put_varint(at, size);
    at = weir__put_string(at, name, length, BOTH_MOST);
    write(user, record, (size_t)(at - record));
}

/* Where names overlap in a recording the last one is meant: so those of one address come last. */
static void records_put(struct reader *r, struct line *line, const struct weir__jit_wanted *w,
                        size_t n, void (*write)(void *user, const void *record, size_t length),
                        void *user)
{
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        if (w[i].other || !w[i].line || w[i].line == before || !line_again(r, line, w[i].line))
            continue;
        before = w[i].line;
        record_put(line->start, line->size, line->name, line->length, write, user);
    }
    for (size_t i = 0; i < n; i++) {
        char both[BOTH_MOST];
        size_t length;
        if (!w[i].other || !line_again(r, line, w[i].line))
            continue;
        memcpy(both, line->name, length = line->length);
        if (!line_again(r, line, w[i].other))
            continue;
        memcpy(both + length, OR, OR_BYTES);
        length += OR_BYTES;
        memcpy(both + length, line->name, line->length);
        record_put(w[i].address - 1, 1, both, length + line->length, write, user);
    }
}

void weir__jit_map_read(int file, struct weir__jit_wanted *wanted, size_t n,
                        void (*write)(void *user, const void *record, size_t length), void *user)
{
    struct reader r = {.file = file};
    struct line line;
    n = wanted_sort(wanted, n);
    lines_match(&r, &line, wanted, n);
    records_put(&r, &line, wanted, n, write, user);
}
