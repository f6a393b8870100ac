/*
 * tools/device/command.c - `weir device`: which devices there are and what their tables offer;
 * `weir device bench`: how fast and how tight the pool is on one of them, each compared with the
 * device's own allocators in the same run. Knows the public interface only.
 */
#include "tools/command.h"
#include "tools/common/options.h"
#include "tools/common/text.h"
#include "tools/device/bench.h"

#include <weir/cuda.h>
#include <weir/error.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>

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

static int bench(int argc, char **argv)
{
    struct device_bench b = {.device = "host", .pairs = 20000, .passes = 3};
    int mode = WEIR_DEVICE_AUTO;
    const struct option_spec table[] = {
        {"device", OPTION_TEXT, &b.device, "host|cuda:N",
         "which; \"host\" is host memory behind a device's table, for\nmachines without a GPU"},
        {"mode", OPTION_CHOICE, &mode, "auto|expandable|segments", "how the pool takes memory"},
        {"pairs", OPTION_COUNT, &b.pairs, "N", "of allocate and free timed for each size (20000)",
         .least = 1, .most = INT32_MAX},
        {"passes", OPTION_COUNT, &b.passes, "N", "over each trace (3)", .least = 1,
         .most = INT32_MAX},
        {NULL}};
    const struct options options = {
        "weir device bench", "[OPTIONS] [TRACE...]",
        "Times allocate+free of 1 KiB to 256 MiB beside the device's own calls, then replays\n"
        "each trace and tells the greatest memory reserved beside the greatest live.",
        NULL, table};
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
    b.mode = (weir_device_mode)mode;
    b.traces = argv + optind;
    return device_bench_run(&b);
}

int weir_command_device(int argc, char **argv)
{
    static const struct option_spec table[] = {{NULL}};
    static const struct options options = {
        "weir device",
        "\nbench [OPTIONS] [TRACE...]",
        "Without more, lists the devices of this machine and what the pool can use of each.\n"
        "bench says how fast and how tight the pool is; weir device bench --help says more.",
        NULL,
        table,
        .first_operand_ends = true};
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
    if (optind == argc)
        return devices_list();
    if (strcmp(argv[optind], "bench") != 0)
        return options_complain(&options, "no such thing: %s", argv[optind]);
    static char full[] = "weir device bench"; /* getopt's complaints begin with it */
    argv[optind] = full;
    return bench(argc - optind, argv + optind);
}
