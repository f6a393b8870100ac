/*
 * The figures of `weir run` after a kill, against an independent truth. The guest (this program
 * again) allocates and frees, and writes what it does into a file that it and the test have
 * mapped, right before and right after each call. The test kills it at random moments; what
 * the report says must be what the guest had, within the one call that each thread was in.
 *
 *     kill_figures            a few kills of each kind
 *     kill_figures KILLS      so many of each (make kill-figures)
 *     kill_figures KILLS SEED KIND
 *
 * Children that weir is not told of (_Fork, the bare system call) write into the parent's
 * tally until they come to a slow operation, so the parent's figures are checked then only
 * where the KIND is named; that the child comes through always is.
 */
#include "../helpers/core.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, PROCESSES = 2, BLOCKS = 400 };

/* -- the truth ----------------------------------------------------------------------------- */

struct amount {
    int64_t bytes, blocks;
};

/*
 * Of one thread. The number of its call tells which of the values hold: an even one that
 * values[call / 2 % 2] do, an odd one that it is between those and the next. Written by the
 * thread alone, each a store; who dies leaves all stores up to its last.
 */
struct slot {
    uint64_t call;
    struct amount values[2];
    struct amount most; /* that there can be within a call under way */
} __attribute__((aligned(128)));

struct process {
    int32_t pid, ready, over;
    int64_t lower, upper;           /* totals: never above, never below what there is */
    int64_t lower_peak, upper_peak; /* the greatest they were */
    struct slot slots[THREADS];
};

static struct truth {
    struct process processes[PROCESSES];
} * truth;

static struct truth *truth_map(const char *path)
{
    int file = open(path, O_RDWR);
    void *at = file < 0 ? MAP_FAILED
                        : mmap(NULL, sizeof *truth, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) {
        perror(path);
        exit(99);
    }
    close(file);
    return at;
}

static void store(int64_t *at, int64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);
}

/* -- the guest ------------------------------------------------------------------------------- */

struct options {
    unsigned threads; /* 0: nothing is done, the base */
    unsigned idle;    /* threads that do nothing */
    bool peaks;       /* keep the totals of all threads, too */
    bool churn;       /* threads end and begin */
    const char *kind;
    const char *path;
    uint64_t seed;
};

static struct options options;
static struct process *own;

static struct worker {
    pthread_t thread;
    unsigned number;
    int done;
    uint64_t random;
    unsigned count;
    struct block {
        void *at;
        size_t size;
    } blocks[BLOCKS];
} workers[THREADS];

static void total_add(int64_t *total, int64_t *peak, int64_t bytes)
{
    if (!options.peaks)
        return;
    int64_t now = __atomic_add_fetch(total, bytes, __ATOMIC_SEQ_CST);
    int64_t was = __atomic_load_n(peak, __ATOMIC_SEQ_CST);
    while (now > was &&
           !__atomic_compare_exchange_n(peak, &was, now, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
}

/* A call that takes `more` bytes and gives `less` back begins; and has returned. */
static void call_begin(struct slot *s, size_t more, size_t less, int blocks)
{
    const struct amount *now = &s->values[s->call / 2 % 2];
    struct amount *next = &s->values[(s->call / 2 + 1) % 2];
    store(&next->bytes, now->bytes + (int64_t)more - (int64_t)less);
    store(&next->blocks, now->blocks + blocks);
    store(&s->most.bytes, now->bytes + (int64_t)more);
    store(&s->most.blocks, now->blocks + (more || blocks > 0));
    total_add(&own->upper, &own->upper_peak, (int64_t)more);
    total_add(&own->lower, &own->lower_peak, -(int64_t)less);
    __atomic_store_n(&s->call, s->call + 1, __ATOMIC_SEQ_CST);
}

static void call_end(struct slot *s, size_t more, size_t less)
{
    __atomic_store_n(&s->call, s->call + 1, __ATOMIC_SEQ_CST);
    total_add(&own->lower, &own->lower_peak, (int64_t)more);
    total_add(&own->upper, &own->upper_peak, -(int64_t)less);
}

static size_t size_draw(uint64_t *random)
{
    switch (random_below(random, 60)) {
    case 0:
        return 30000 + random_below(random, 2000000);
    case 1:
        return random_below(random, 40000);
    default:
        return random_below(random, 700);
    }
}

static void block_take(struct worker *w, struct slot *s, size_t size)
{
    struct block *b = &w->blocks[w->count];
    uint64_t how = random_below(&w->random, 8);
    call_begin(s, size, 0, 1);
    if (how == 0)
        b->at = calloc(1, size);
    else if (how == 1 && posix_memalign(&b->at, 64, size) != 0)
        abort();
    else if (how > 1)
        b->at = malloc(size);
    call_end(s, size, 0);
    b->size = size;
    w->count++;
}

static void block_give(struct worker *w, struct slot *s, unsigned which)
{
    struct block b = w->blocks[which];
    w->blocks[which] = w->blocks[--w->count];
    call_begin(s, 0, b.size, -1);
    free(b.at);
    call_end(s, 0, b.size);
}

static void block_resize(struct worker *w, struct slot *s, unsigned which, size_t size)
{
    struct block *b = &w->blocks[which];
    size_t before = b->size;
    call_begin(s, size, before, 0);
    b->at = realloc(b->at, size);
    call_end(s, size, before);
    b->size = size;
}

static void work(struct worker *w, unsigned calls)
{
    struct slot *s = &own->slots[w->number];
    unsigned rises = 4;
    for (unsigned n = 0; n < calls; n++) {
        if (n % 512 == 0)
            rises = (unsigned)random_below(&w->random, 9);
        bool more = random_below(&w->random, 8) < rises;
        size_t size = size_draw(&w->random);
        unsigned which = w->count ? (unsigned)random_below(&w->random, w->count) : 0;
        if (w->count && random_below(&w->random, 8) == 0)
            block_resize(w, s, which, size + 1);
        else if ((more && w->count < BLOCKS) || !w->count)
            block_take(w, s, size);
        else
            block_give(w, s, which);
    }
}

static void *worker_run(void *argument)
{
    struct worker *w = argument;
    do
        work(w, 3000);
    while (!options.churn);
    __atomic_store_n(&w->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void *idle_run(void *unused)
{
    pause();
    return unused;
}

static void thread_start(struct worker *w, void *(*run)(void *))
{
    pthread_attr_t small;
    w->done = 0;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    if (pthread_create(&w->thread, &small, run, w) != 0)
        abort();
}

static void ready_say(void)
{
    own->pid = getpid();
    __atomic_store_n(&own->ready, 1, __ATOMIC_SEQ_CST);
}

/* Works until it is killed. One thread alone is the first one. */
static _Noreturn void guest_work(void)
{
    static struct worker idle[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        workers[i].random = options.seed * 64 + (unsigned)(own - truth->processes) * 16 + i;
    }
    for (unsigned i = 0; i < options.idle; i++)
        thread_start(&idle[i], idle_run);
    if (options.threads == 1) {
        ready_say();
        for (;;)
            work(&workers[0], 3000);
    }
    for (unsigned i = 0; i < options.threads; i++)
        thread_start(&workers[i], worker_run);
    ready_say();
    for (;;) {
        usleep(300);
        for (unsigned i = 0; i < options.threads; i++)
            if (__atomic_load_n(&workers[i].done, __ATOMIC_ACQUIRE)) {
                pthread_join(workers[i].thread, NULL);
                thread_start(&workers[i], worker_run);
            }
    }
}

/* -- kinds of guests ----------------------------------------------------------------------------
 */

static void exec_second(const char *why)
{
    char threads[8], seed[24];
    snprintf(threads, sizeof threads, "%u", options.threads);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)options.seed);
    execl("/proc/self/exe", "kill_figures", "guest", options.path, "second", threads, seed,
          options.peaks ? "peaks" : "plain", (char *)NULL);
    perror(why);
    _exit(99);
}

/* Some blocks of the first thread's, before there are threads. */
static void work_a_little(void)
{
    workers[0].random = options.seed;
    work(&workers[0], 2000);
}

/* What is live is the child's, too, and what it was is its peak. */
static void guest_fork(void)
{
    work_a_little();
    const struct slot *slot = &own->slots[0];
    struct amount before = slot->values[slot->call / 2 % 2];
    if (fork() != 0)
        return;
    own = &truth->processes[1];
    own->slots[0].values[0] = before;
    own->lower = own->upper = own->lower_peak = own->upper_peak = before.bytes;
}

static void guest_exec(void)
{
    work_a_little();
    ready_say();
    own->over = 1;
    exec_second("exec");
}

static void guest_vfork(void)
{
    work_a_little();
    if (vfork() == 0)
        exec_second("vfork and exec");
}

static bool is_untold(const char *kind)
{
    return strcmp(kind, "_Fork") == 0 || strcmp(kind, "clone") == 0;
}

/* No fork handler is told of either; what such a child does is not counted as its parent's. */
static void guest_clone(bool raw)
{
    work_a_little();
    if ((raw ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : _Fork()) != 0)
        return;
    own = &truth->processes[1];
    own->over = 1;
    ready_say();
    for (unsigned n = 0; n < 200; n++)
        work(&workers[0], 2000);
    own->over = 2; /* it came through */
    for (;;)
        work(&workers[0], 2000);
}

static _Noreturn void guest(char **argv)
{
    options.path = argv[2];
    options.kind = argv[3];
    options.threads = (unsigned)atoi(argv[4]);
    options.seed = strtoull(argv[5], NULL, 10);
    options.peaks = strcmp(argv[6], "peaks") == 0;
    options.churn = strcmp(options.kind, "churn") == 0;
    truth = truth_map(options.path);
    own = &truth->processes[strcmp(options.kind, "second") == 0];
    if (strcmp(options.kind, "idle") == 0) {
        options.idle = options.threads;
        options.threads = 0;
    }
    if (strcmp(options.kind, "fork") == 0)
        guest_fork();
    if (strcmp(options.kind, "exec") == 0)
        guest_exec();
    if (strcmp(options.kind, "vfork") == 0)
        guest_vfork();
    if (is_untold(options.kind))
        guest_clone(strcmp(options.kind, "clone") == 0);
    guest_work();
}

/* -- the report
 * ------------------------------------------------------------------------------------ */

struct figures {
    bool found, exact;
    int64_t peak, live, blocks;
    char ending[64];
};

static int64_t number_after(const char *at, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = strstr(at, key);
    return found ? strtoll(found + strlen(key), NULL, 10) : -1;
}

/* Of the nth image of a process. */
static struct figures figures_read(const char *report, int pid, int nth)
{
    char key[64], end[64];
    struct figures f = {0};
    snprintf(key, sizeof key, "{\"pid\":%d,", pid);
    const char *at = strstr(report, "\"program\":");
    while (at && (at = strstr(at + 1, key)))
        if (number_after(at, "image") == nth)
            break;
    if (!at)
        return f;
    f.found = true;
    f.peak = number_after(at, "peak_bytes");
    f.live = number_after(at, "live_bytes");
    f.blocks = number_after(at, "live_blocks");
    const char *exact = strstr(at, "\"exact\":");
    f.exact = exact && exact[8] == 't';
    const char *ending = strstr(at, "\"ending\":\"");
    if (ending && sscanf(ending, "\"ending\":\"%63[^\"]", end) == 1)
        memcpy(f.ending, end, sizeof end);
    return f;
}

/* -- the test -------------------------------------------------------------------------------------
 */

static char truth_path[64], report_path[64], self[4096];
static const char *weir;
static unsigned failures, inexact, checked;

static pid_t weir_start(const char *kind, unsigned threads, uint64_t seed, bool peaks)
{
    char number[8], random[24];
    snprintf(number, sizeof number, "%u", threads);
    snprintf(random, sizeof random, "%llu", (unsigned long long)seed);
    pid_t pid = fork();
    if (pid == 0) {
        execl(weir, weir, "run", "--json", "-o", report_path, "--", self, "guest", truth_path, kind,
              number, random, peaks ? "peaks" : "plain", (char *)NULL);
        _exit(99);
    }
    return pid;
}

static bool await(const int32_t *flag, int value)
{
    for (unsigned i = 0; i < 1000 * HANG_SECONDS; i++) {
        if (__atomic_load_n(flag, __ATOMIC_SEQ_CST) >= value)
            return true;
        usleep(1000);
    }
    printf("FAILED: hangs\n");
    failures++;
    return false;
}

static char *report_read(void)
{
    static char text[1 << 16];
    FILE *file = fopen(report_path, "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    return text;
}

/* Kills all that is ready, after `us`; the report. */
static char *run_and_kill(const char *kind, unsigned threads, uint64_t seed, bool peaks,
                          unsigned us)
{
    memset(truth, 0, sizeof *truth);
    unlink(report_path);
    bool two = strcmp(kind, "idle") != 0 && strcmp(kind, "work") != 0 && strcmp(kind, "churn") != 0;
    pid_t running = weir_start(kind, threads, seed, peaks);
    struct process *first = &truth->processes[0], *second = &truth->processes[1];
    await(&first->ready, 1);
    if (two)
        await(&second->ready, 1);
    if (is_untold(kind))
        await(&second->over, 2);
    usleep(us);
    if (two && second->pid > 0)
        kill(second->pid, SIGKILL);
    if (first->pid > 0)
        kill(first->pid, SIGKILL);
    int status;
    if (waitpid(running, &status, 0) != running)
        abort();
    return report_read();
}

/* What a process may have had. */
struct bounds {
    struct amount least, most;
};

static struct bounds bounds_of(const struct process *p)
{
    struct bounds sum = {0};
    for (unsigned i = 0; i < THREADS; i++) {
        const struct slot *s = &p->slots[i];
        const struct amount *now = &s->values[s->call / 2 % 2];
        struct amount least = *now, most = *now;
        if (s->call % 2) {
            const struct amount *next = &s->values[(s->call / 2 + 1) % 2];
            least.bytes = next->bytes < now->bytes ? next->bytes : now->bytes;
            least.blocks = next->blocks < now->blocks ? next->blocks : now->blocks;
            most = s->most;
        }
        sum.least.bytes += least.bytes;
        sum.least.blocks += least.blocks;
        sum.most.bytes += most.bytes;
        sum.most.blocks += most.blocks;
    }
    return sum;
}

static void fail(const char *what, const char *kind, unsigned threads, uint64_t seed, int64_t is,
                 int64_t least, int64_t most)
{
    printf("FAILED: %s: %lld, not %lld to %lld (%s, %u threads, seed %llu)\n", what, (long long)is,
           (long long)least, (long long)most, kind, threads, (unsigned long long)seed);
    failures++;
}

struct base {
    int64_t live, blocks, peak;
};

/* Of a guest with so many threads that has done nothing. */
static struct base base_find(unsigned threads)
{
    static struct base bases[THREADS + 1];
    static bool known[THREADS + 1];
    if (known[threads])
        return bases[threads];
    const char *report = run_and_kill("idle", threads == 1 ? 0 : threads, 0, false, 20000);
    struct figures f = figures_read(report, truth->processes[0].pid, 1);
    if (!f.found || !f.exact) {
        printf("FAILED: no base: %s\n", report);
        exit(1);
    }
    known[threads] = true;
    return bases[threads] = (struct base){f.live, f.blocks, f.peak};
}

/* The peak may be of a time before there were threads. */
static void process_check(const struct process *p, struct figures f, const char *kind,
                          unsigned threads, uint64_t seed, bool peaks)
{
    struct base base = base_find(threads), alone = base_find(1);
    checked++;
    if (!f.found) {
        fail("no figures", kind, threads, seed, p->pid, 0, 0);
        return;
    }
    if (!f.exact) {
        inexact++;
        return;
    }
    struct bounds b = bounds_of(p);
    int64_t least = base.live + b.least.bytes, most = base.live + b.most.bytes;
    if (f.live < least || f.live > most)
        fail("live bytes", kind, threads, seed, f.live, least, most);
    least = base.blocks + b.least.blocks;
    most = base.blocks + b.most.blocks;
    if (f.blocks < least || f.blocks > most)
        fail("live blocks", kind, threads, seed, f.blocks, least, most);
    if (f.peak < f.live)
        fail("peak below live", kind, threads, seed, f.peak, f.live, f.live);
    if (!peaks)
        return;
    least = alone.live + p->lower_peak;
    most = base.live + p->upper_peak;
    least = least < alone.peak ? alone.peak : least;
    most = most < base.peak ? base.peak : most;
    if (f.peak < least || f.peak > most)
        fail("peak", kind, threads, seed, f.peak, least, most);
}

static void kind_check(const char *kind, unsigned threads, uint64_t seed)
{
    bool peaks = seed % 2, exec = strcmp(kind, "exec") == 0;
    unsigned before = failures;
    const struct process *first = &truth->processes[0], *second = &truth->processes[1];
    base_find(threads), base_find(1);
    uint64_t random = seed;
    const char *report =
        run_and_kill(kind, threads, seed, peaks, (unsigned)random_below(&random, 25000));
    process_check(first, figures_read(report, first->pid, 1), kind, exec ? 1 : threads, seed,
                  peaks);
    if (second->pid && !second->over)
        process_check(second, figures_read(report, second->pid, exec ? 2 : 1), kind, threads, seed,
                      peaks);
    if (failures != before)
        printf("%s\n", report);
}

static const struct {
    const char *kind;
    unsigned threads;
} kinds[] = {{"work", 1},  {"work", 1},  {"work", 2}, {"work", 4}, {"work", 8},
             {"churn", 3}, {"churn", 8}, {"fork", 1}, {"fork", 3}, {"exec", 2},
             {"vfork", 2}, {"_Fork", 1}, {"clone", 1}};

static int skip(const char *why)
{
    printf("%s\n", why);
    return 77;
}

static bool files_make(void)
{
    const char *build = getenv("top_builddir");
    static char path[4096];
    snprintf(path, sizeof path, "%s/weir", build ? build : ".");
    weir = path;
    snprintf(truth_path, sizeof truth_path, "/tmp/weir-truth-%d", (int)getpid());
    snprintf(report_path, sizeof report_path, "/tmp/weir-report-%d", (int)getpid());
    int file = open(truth_path, O_RDWR | O_CREAT | O_EXCL, 0600);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (file < 0 || n < 0 || ftruncate(file, sizeof *truth) != 0)
        return false;
    close(file);
    truth = truth_map(truth_path);
    return access(weir, X_OK) == 0;
}

int main(int argc, char **argv)
{
    if (argc > 6 && strcmp(argv[1], "guest") == 0)
        guest(argv);
    const char *sanitizer = getenv("SANITIZER_FLAGS"), *only = argc > 3 ? argv[3] : NULL;
    unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 2;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    if (sanitizer && *sanitizer)
        return skip("a sanitizer brings a malloc of its own");
    if (!files_make())
        return skip("no weir, or no place for files");
    printf("seed %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < kills; i++)
        for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (!only || strcmp(only, kinds[k].kind) == 0)
                kind_check(kinds[k].kind, kinds[k].threads, seed + i * 100 + k);
    unlink(truth_path);
    unlink(report_path);
    printf("%u processes killed and checked, %u not exact, %u failures\n", checked, inexact,
           failures);
    return failures || inexact * 5 > checked;
}
