/* bench/harness/targets.c - see targets.h. */
#include "bench/harness/targets.h"
#include "tools/common/file.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/trace/load.h"

#include <weir/allocator.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    targets->list = memory_grow(targets->list, targets->n, sizeof(*target));
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

/* Index of the target of this name, or -1. */
static int targets_find(const struct bench_targets *targets, const char *name)
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

/* "rpmalloc" of "rpmalloc.so" and of "librpmalloc.so". */
static char *peer_name(const char *path)
{
    const char *file = text_file_name(path);
    file += strncmp(file, "lib", 3) == 0 && strlen(file) > 6 ? 3 : 0;
    return memory_text(file, strlen(file) - 3);
}

static bool is_library(const char *path)
{
    return text_ends(path, ".so") && *text_file_name(path) != '.';
}

static int targets_add_folder(struct bench_targets *targets, const char *folder)
{
    struct option_list found = {0};
    long n = file_list(&found, folder, is_library);
    if (n < 0 || (n == 1 && strcmp(found.words[0], folder) == 0))
        n = -1;
    for (long i = 0; i < n; i++) {
        char *full = realpath(found.words[i], NULL);
        if (full)
            targets_put(targets, peer_name(found.words[i]), full);
    }
    if (n <= 0)
        fprintf(stderr, "weir bench: --peers-from %s: %s\n", folder,
                n < 0 ? strerror(errno) : "no *.so in this folder");
    option_list_free(&found, true);
    return n > 0 ? 0 : 2;
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

int targets_peers(struct bench_targets *targets, const struct option_list *named,
                  const struct option_list *folders)
{
    targets_add(targets, &(struct bench_target){.name = "weir", .ops = OPS_WEIR});
    targets_add(targets, &(struct bench_target){.name = "glibc", .ops = OPS_MALLOC});
    for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++)
        targets_add_known(targets, i);
    for (size_t i = 0; i < folders->n; i++)
        if (targets_add_folder(targets, folders->words[i]) != 0)
            return 2;
    for (size_t i = 0; i < named->n; i++)
        if (!targets_add_named(targets, named->words[i])) {
            fprintf(stderr,
                    "weir bench: --peer takes NAME=LIBRARY (a file that is there), not \"%s\"\n",
                    named->words[i]);
            return 2;
        }
    return targets_probe(targets) ? 2 : 0;
}

/* -- traces ----------------------------------------------------------------------------- */

/* The folders in which weir's own traces may lie, the nearest first. */
static int traces_find_own(struct option_list *traces)
{
    static const char *const beside[] = {"/../share/weir/traces", "/../bench/traces",
                                         "/../../bench/traces", "/bench/traces"};
    char exe[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i <= sizeof(beside) / sizeof(*beside); i++) {
        bool last = i == sizeof(beside) / sizeof(*beside);
        snprintf(path, sizeof(path), "%s%s", last ? "" : exe,
                 last ? WEIR_DATA_DIR "/traces" : beside[i]);
        if (access(path, R_OK) == 0 && file_list(traces, path, trace_is) > 0)
            return 0;
    }
    fprintf(stderr,
            "weir bench: no traces in %s nor near the program; name some: --traces FOLDER\n",
            WEIR_DATA_DIR "/traces");
    return 1;
}

int traces_find(struct option_list *traces, const struct option_list *given)
{
    for (size_t i = 0; i < given->n; i++) {
        long n = file_list(traces, given->words[i], trace_is);
        if (n > 0)
            continue;
        fprintf(stderr, "weir bench: %s: %s\n", given->words[i],
                n < 0 ? strerror(errno) : "no traces in this folder");
        return 1;
    }
    if (!given->n && traces_find_own(traces) != 0)
        return 1;
    for (size_t i = 0; i < traces->n; i++) {
        struct trace trace;
        char why[500];
        if (trace_load(traces->words[i], &trace, why, sizeof(why)) != 0) {
            fprintf(stderr, "weir bench: %s\n", why);
            return 1;
        }
        trace_free(&trace);
    }
    return 0;
}
