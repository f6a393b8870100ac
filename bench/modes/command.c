/* bench/modes/command.c - `weir bench`: reads the command line and runs the mode it names. */
#include "tools/command.h"
#include "bench/harness/worker.h"
#include "bench/modes/mode.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum mode { REPLAY, PEERS, THREADS, GROWTH, IDLE, ACCOUNTING, HARDENING };

static const struct bench_mode *const modes[] = {
    &bench_replay,    &bench_peers,      &bench_threads,  &bench_growth_mode,
    &bench_idle_mode, &bench_accounting, &bench_hardening};

/* -1: go on; else the exit status. */
static int command_line_read(struct bench_options *b, int *mode, int argc, char **argv)
{
    const struct option_spec table[] = {
        {"touch", OPTION_CHOICE, &b->touch, "none|page|all",
         "what is done to each block: nothing, a byte a page (default),\nevery byte"},
        {"traces", OPTION_LIST, &b->traces, "FILE|FOLDER",
         "replay these instead of weir's own; may be repeated"},
        {"runs", OPTION_COUNT, &b->runs, "N", "rounds; the default is as many as fit into the time",
         .least = 1, .most = 10000},
        {"time", OPTION_REAL, &b->seconds, "SECONDS",
         "for the rounds, where --runs does not say how many"},
        {"peers", .help = "weir against the other allocators on this machine, with goals",
         .mark = mode, .value = PEERS},
        {"peer", OPTION_LIST, &b->peers, "NAME=LIBRARY",
         "one more, or another file for one of them; may be repeated"},
        {"peers-from", OPTION_LIST, &b->folders, "FOLDER",
         "every NAME.so in it, too; implies --peers; may be repeated"},
        {"limit", OPTION_COUNT, &b->limit, "SECONDS",
         "a load that takes longer counts as hung, and is given up (300)", .least = 1,
         .most = 1000000},
        {"only", OPTION_TEXT, &b->only, "WORD",
         "only the loads whose name or group has WORD in it"},
        {"threads", OPTION_COUNT, &b->threads, "[=N]",
         "1 to N threads (default: as many as there are CPUs)", .least = 1, .most = 100000,
         .mark = mode, .value = THREADS},
        {"growth", .help = "1000 to 10000000 live blocks; the share of metadata", .mark = mode,
         .value = GROWTH},
        {"idle", .help = "what stays resident after 1000 threads and after 10 s of sleep",
         .mark = mode, .value = IDLE},
        {"baseline", OPTION_TEXT, &b->baseline, "FOLDER",
         "what exactness costs: against the library in FOLDER, which was\n"
         "built with --disable-accounting (make bench-accounting)",
         .mark = mode, .value = ACCOUNTING},
        {"hardening", .help = "what catching errors costs: weir as it is, with guards, hardened",
         .mark = mode, .value = HARDENING},
        {"quick", OPTION_FLAG, &b->quick, .help = "one short round"},
        {"json", OPTION_FLAG, &b->json,
         .help = "all figures as JSON, instead of tables; bench/plot.py draws them"},
        {NULL}};
    static const struct options options = {
        "weir bench", "[OPTIONS] [TRACE...]",
        "Replays recorded traces of real inference runtimes, and small synthetic loads, through\n"
        "weir and through raw allocation: time, page faults, resident memory, and whether weir's\n"
        "statistics equal the trace's own after every event.",
        NULL, NULL};
    struct options whole = options;
    whole.table = table;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--svg", 5) == 0)
            return options_complain(&whole, "bench/plot.py draws what --json prints; no %s",
                                    argv[i]);
    int status = options_read(&whole, argc, argv);
    for (int i = optind; status < 0 && i < argc; i++)
        option_list_add(&b->traces, argv[i]);
    if (b->folders.n && *mode == REPLAY)
        *mode = PEERS;
    return status;
}

int weir_command_bench(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--worker") == 0)
        return bench_worker_main(argc - 1, argv + 1);
    struct bench_options options = {.touch = TOUCH_PAGE};
    int mode = REPLAY, status = command_line_read(&options, &mode, argc, argv);
    if (status < 0) {
        if (mode == IDLE && !options.runs) /* it sleeps most of its time */
            options.runs = 1;
        status = bench_mode_run(modes[mode], &options);
    }
    option_list_free(&options.traces, false);
    option_list_free(&options.peers, false);
    option_list_free(&options.folders, false);
    return status;
}
