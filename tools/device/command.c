/*
 * tools/device/command.c - `weir device`: which devices there are and what their tables offer;
 * `weir device bench`: how fast and how tight the pool is on one of them, each beside the
 * device's own allocators in the same run. Knows the public interface only.
 */
#include "tools/command.h"
#include "tools/device/bench.h"

#include <weir/cuda.h>
#include <weir/error.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static const char help[] =
    "usage: weir device\n"
    "       weir device bench [--device host|cuda:N] [--mode auto|expandable|segments]\n"
    "                         [--pairs N] [--passes N] [TRACE...]\n"
    "\n"
    "Without more, lists the devices of this machine and what the pool can use of each.\n"
    "bench times allocate+free of 1 KiB to 256 MiB beside the device's own calls, then\n"
    "replays each trace and tells the greatest memory reserved beside the greatest live.\n"
    "The device \"host\" is host memory behind the same table, for machines without a GPU.\n";

/* -- weir device -------------------------------------------------------------------------- */

static void table_show(const weir_device_table *table, const char *what)
{
    size_t free_bytes, total;
    printf("%s: %s\n", table->name, what);
    if (table->memory_info(table->user, &free_bytes, &total) == 0)
        printf("  memory               %zu MiB, %zu MiB free\n", total / MIB, free_bytes / MIB);
    if (table->granularity)
        printf("  virtual memory       in units of %zu KiB: expandable\n",
               table->granularity / 1024);
    else
        printf("  virtual memory       none: segments\n");
    printf("  stream-ordered calls %s\n", table->allocate_on ? "yes" : "none");
    printf("  the host may touch   %s\n",
           table->flags & WEIR_DEVICE_HOST_ACCESSIBLE ? "yes" : "no");
}

static int devices_list(void)
{
    int count = weir_cuda_device_count();
    if (!count)
        printf("no CUDA device: %s\n", weir_last_error());
    for (int i = 0; i < count; i++) {
        char name[128];
        const weir_device_table *table = weir_cuda_table_create(i);
        if (!table || weir_cuda_device_name(i, name, sizeof name)) {
            printf("cuda:%d: %s\n", i, weir_last_error());
            continue;
        }
        table_show(table, name);
        table->destroy(table->user);
    }
    const weir_device_table *host = device_bench_table("host");
    if (host) {
        table_show(host, "host memory behind a device's table (weir_device_host_table_create)");
        host->destroy(host->user);
    }
    return 0;
}

/* -- weir device bench -------------------------------------------------------------------- */

static int usage(const char *complaint, const char *word)
{
    fprintf(stderr, "weir device: %s%s%s; weir device --help says more\n", complaint,
            word ? " " : "", word ? word : "");
    return 2;
}

static bool mode_parse(const char *word, weir_device_mode *mode)
{
    static const char *const words[] = {"auto", "expandable", "segments"};
    for (int i = 0; i < 3; i++)
        if (strcmp(word, words[i]) == 0) {
            *mode = (weir_device_mode)i;
            return true;
        }
    return false;
}

static bool count_parse(const char *word, long *count)
{
    char *end;
    errno = 0;
    *count = strtol(word, &end, 10);
    return !errno && !*end && end != word && *count > 0;
}

static int bench(int argc, char **argv)
{
    struct device_bench b = {.device = "host", .pairs = 20000, .passes = 3};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--help") == 0)
            return fputs(help, stdout), 0;
        if (!value)
            return usage("a value is missing after", argv[i]);
        if (strcmp(argv[i], "--device") == 0)
            b.device = value;
        else if (strcmp(argv[i], "--mode") == 0 && !mode_parse(value, &b.mode))
            return usage("no mode", value);
        else if (strcmp(argv[i], "--pairs") == 0 && !count_parse(value, &b.pairs))
            return usage("--pairs wants a number, not", value);
        else if (strcmp(argv[i], "--passes") == 0 && !count_parse(value, &b.passes))
            return usage("--passes wants a number, not", value);
        else if (strcmp(argv[i], "--mode") && strcmp(argv[i], "--pairs") &&
                 strcmp(argv[i], "--passes"))
            return usage("no option", argv[i]);
    }
    b.traces = argv + i;
    b.ntraces = argc - i;
    return device_bench_run(&b);
}

int weir_command_device(int argc, char **argv)
{
    if (argc < 2)
        return devices_list();
    if (strcmp(argv[1], "--help") == 0)
        return fputs(help, stdout), 0;
    if (strcmp(argv[1], "bench") == 0)
        return bench(argc - 1, argv + 1);
    return usage("no such thing:", argv[1]);
}
