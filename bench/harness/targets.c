/* bench/harness/targets.c - see targets.h. */
#include "bench/harness/targets.h"
#include "tools/trace/load.h"
#include "tools/common/memory.h"

#include <weir/allocator.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROBE_SECONDS = 10 };

/* -- libraries ------------------------------------------------------------------------ */

static const struct {
    const char *name, *library, *package;
} peers[] = {
    {"jemalloc", "libjemalloc.so.2", "libjemalloc2"},
    {"mimalloc", "libmimalloc.so.2", "libmimalloc2.0"},
    {"tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"},
    {"tbbmalloc", "libtbbmalloc_proxy.so.2", "libtbbmalloc2"},
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* A sanitizer has its own malloc and lets no other be put in front of it. */
static const bool may_preload = false;
#else
static const bool may_preload = true;
#endif

/* What the dynamic linker's cache says of this name; NULL: nothing. */
static char *library_path(const char *library)
{
    if (!may_preload)
        return NULL;
    FILE *cache = popen("PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null", "re");
    char line[PATH_MAX + 200], *found = NULL;
    while (cache && fgets(line, sizeof(line), cache)) {
        char *name = line + strspn(line, " \t");
        size_t n = strlen(library);
        char *arrow = strstr(line, "=> ");
        if (found || !arrow || strncmp(name, library, n) != 0 || name[n] != ' ')
            continue;
        arrow[strcspn(arrow, "\n")] = '\0';
        if (access(arrow + 3, R_OK) == 0)
            found = strdup(arrow + 3);
    }
    if (cache)
        pclose(cache);
    return found;
}

void targets_add(struct bench_targets *targets, const struct bench_target *target)
{
    targets->list = memory_array(targets->list, targets->n + 1, sizeof(*target));
    targets->list[targets->n++] = *target;
}

/* The peer, or a word on its absence. */
static void targets_add_known(struct bench_targets *targets, size_t peer)
{
    char *path = library_path(peers[peer].library);
    if (path) {
        targets_add(targets, &(struct bench_target){
                                 .name = peers[peer].name, .ops = OPS_MALLOC, .preload = path});
        return;
    }
    size_t n = strlen(targets->missing);
    snprintf(targets->missing + n, sizeof(targets->missing) - n, "%s%s (package %s)", n ? ", " : "",
             peers[peer].name, peers[peer].package);
}

int targets_find(const struct bench_targets *targets, const char *name)
{
    for (size_t i = 0; i < targets->n; i++)
        if (strcmp(targets->list[i].name, name) == 0)
            return (int)i;
    return -1;
}

void targets_replay(struct bench_targets *targets)
{
    static char over_backing[40];
    weir_stats stats = {.size = sizeof(stats)};
    bool known = weir_stats_get(weir_cpu_allocator(), &stats) == 0 && stats.backing;
    snprintf(over_backing, sizeof(over_backing), "weir/%s", known ? stats.backing : "backing");
    targets_add(targets, &(struct bench_target){.name = "weir", .ops = OPS_WEIR});
    targets_add(targets, &(struct bench_target){
                             .name = over_backing, .ops = OPS_WEIR, .source = SOURCE_BACKING});
    targets_add(targets, &(struct bench_target){
                             .name = "weir/malloc", .ops = OPS_WEIR, .source = SOURCE_MALLOC});
    targets_add(targets, &(struct bench_target){.name = "malloc", .ops = OPS_MALLOC});
    targets_add_known(targets, 0);
    targets_add(targets, &(struct bench_target){.name = "design", .ops = OPS_DESIGN});
}

/* A library under this name, in the place of an earlier one; both texts stay the target's. */
static void targets_put(struct bench_targets *targets, const char *name, const char *path)
{
    struct bench_target target = {.name = name, .ops = OPS_MALLOC, .preload = path};
    int old = targets_find(targets, name);
    if (old >= 0)
        targets->list[old] = target;
    else
        targets_add(targets, &target);
}

static bool targets_add_named(struct bench_targets *targets, char *name_path)
{
    char *path = strchr(name_path, '=');
    if (!path || path == name_path || !path[1])
        return false;
    *path++ = '\0';
    char *full = realpath(path, NULL);
    if (full)
        targets_put(targets, name_path, full);
    return full != NULL;
}

/* "rpmalloc" of "rpmalloc.so" and of "librpmalloc.so". NULL: not so called, or no memory. */
static char *peer_name(const char *file)
{
    size_t n = strlen(file);
    if (n <= 3 || strcmp(file + n - 3, ".so") != 0)
        return NULL;
    bool lib = n > 6 && strncmp(file, "lib", 3) == 0;
    return lib ? strndup(file + 3, n - 6) : strndup(file, n - 3);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* How many libraries lie in the folder; -1 with errno: it cannot be read. */
static int targets_add_folder(struct bench_targets *targets, const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, not_hidden, alphasort), found = 0;
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        char *name = peer_name(entries[i]->d_name), *full = name ? realpath(path, NULL) : NULL;
        if (full) {
            targets_put(targets, name, full);
            found++;
        } else {
            free(name);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return n < 0 ? n : found;
}

static int targets_add_folders(struct bench_targets *targets, const struct peers_from *from)
{
    for (size_t i = 0; i < from->nfolders; i++) {
        int n = targets_add_folder(targets, from->folders[i]);
        if (n > 0)
            continue;
        fprintf(stderr, "weir bench: --peers-from %s: %s\n", from->folders[i],
                n < 0 ? strerror(errno) : "no *.so in this folder");
        return 2;
    }
    return 0;
}

/* Drops the i-th target, and says why. */
static void targets_leave_out(struct bench_targets *targets, size_t i, const char *why)
{
    struct bench_target *target = &targets->list[i];
    size_t n = strlen(targets->left_out);
    fprintf(stderr, "weir bench: %s is left out, %s: %s\n", target->name, target->preload, why);
    snprintf(targets->left_out + n, sizeof(targets->left_out) - n, "%s%s (%s)", n ? ", " : "",
             target->name, why);
    targets->nleft_out++;
    targets->n--;
    memmove(target, target + 1, (targets->n - i) * sizeof(*target));
}

/* A process through each: which of them serve at all? */
static int targets_probe(struct bench_targets *targets)
{
    struct bench_job job = {.load = "probe", .threads = 1, .variant = ""};
    struct bench_plan plan = {
        .targets = targets->list, .ntargets = targets->n, .rounds = 1, .limit = PROBE_SECONDS};
    bench_row_add(&plan, "probe", &job, "probe");
    int status = bench_run(&plan);
    for (size_t k = targets->n; k-- > 0 && !status;)
        if (*plan.rows[0].cells[k].error && targets->list[k].preload)
            targets_leave_out(targets, k, plan.rows[0].cells[k].error);
    bench_plan_free(&plan);
    return status;
}

int targets_peers(struct bench_targets *targets, const struct peers_from *from)
{
    targets_add(targets, &(struct bench_target){.name = "weir", .ops = OPS_WEIR});
    targets_add(targets, &(struct bench_target){.name = "glibc", .ops = OPS_MALLOC});
    for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++)
        targets_add_known(targets, i);
    if (targets_add_folders(targets, from) != 0)
        return 2;
    for (size_t i = 0; i < from->nnamed; i++)
        if (!targets_add_named(targets, from->named[i])) {
            fprintf(stderr,
                    "weir bench: --peer takes NAME=LIBRARY (a file that is there), not \"%s\"\n",
                    from->named[i]);
            return 2;
        }
    return targets_probe(targets) ? 2 : 0;
}

/* -- traces ----------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_trace(const char *name)
{
    return ends_with(name, ".trace.gz") || ends_with(name, ".trace") || ends_with(name, ".wtr");
}

static void traces_add(struct bench_traces *traces, const char *path)
{
    char *copy = strdup(path);
    traces->paths = memory_array(traces->paths, traces->n + 1, sizeof(*traces->paths));
    if (copy)
        traces->paths[traces->n++] = copy;
}

static int path_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many traces lie in the folder; -1 with errno: none can be read. */
static int traces_add_folder(struct bench_traces *traces, const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return -1;
    size_t before = traces->n;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char full[PATH_MAX];
        int n = snprintf(full, sizeof(full), "%s/%s", path, entry->d_name);
        if (n > 0 && (size_t)n < sizeof(full) && is_trace(entry->d_name))
            traces_add(traces, full);
    }
    closedir(folder);
    if (traces->n > before)
        qsort(traces->paths + before, traces->n - before, sizeof(char *), path_compare);
    return (int)(traces->n - before);
}

/* The folders in which weir's own traces may lie, the nearest first. */
static int traces_find_own(struct bench_traces *traces)
{
    static const char *const beside[] = {"/../share/weir/traces", "/../bench/traces",
                                         "/../../bench/traces", "/bench/traces"};
    char exe[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < sizeof(beside) / sizeof(*beside); i++) {
        snprintf(path, sizeof(path), "%s%s", exe, beside[i]);
        if (traces_add_folder(traces, path) > 0)
            return 0;
    }
    if (traces_add_folder(traces, WEIR_DATA_DIR "/traces") > 0)
        return 0;
    fprintf(stderr,
            "weir bench: no traces in %s nor near the program; name some: --traces FOLDER\n",
            WEIR_DATA_DIR "/traces");
    return 1;
}

int traces_find(struct bench_traces *traces, char **given, size_t ngiven)
{
    if (ngiven == 0)
        return traces_find_own(traces);
    for (size_t i = 0; i < ngiven; i++) {
        struct stat about;
        if (stat(given[i], &about) == 0 && S_ISDIR(about.st_mode)) {
            int n = traces_add_folder(traces, given[i]);
            if (n > 0)
                continue;
            fprintf(stderr, "weir bench: %s: %s\n", given[i],
                    n < 0 ? strerror(errno) : "no traces in this folder");
            return 1;
        }
        traces_add(traces, given[i]);
    }
    return 0;
}

int traces_check(const struct bench_traces *traces)
{
    for (size_t i = 0; i < traces->n; i++) {
        struct trace trace;
        char why[500];
        if (trace_load(traces->paths[i], &trace, why, sizeof(why)) != 0) {
            fprintf(stderr, "weir bench: %s\n", why);
            return 1;
        }
        trace_free(&trace);
    }
    return 0;
}
