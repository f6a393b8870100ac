/* bench/modes/options.h - what the command line of `weir bench` asked for. No state. */
#ifndef WEIR_BENCH_MODES_OPTIONS_H
#define WEIR_BENCH_MODES_OPTIONS_H

#include "tools/common/options.h"

struct bench_options {
    int touch;      /* enum bench_touch */
    uint64_t runs;  /* rounds; 0: as many as fit */
    double seconds; /* for the rounds that fit; 0: the mode's own */
    bool quick, json;
    const char *baseline;              /* folder of a library without accounting, or NULL */
    uint64_t threads;                  /* greatest number for --threads; 0: every CPU */
    const char *only;                  /* loads whose name or group has this in it, or NULL */
    struct option_list peers, folders; /* "NAME=LIBRARY"; folders of libraries */
    uint64_t limit;            /* seconds after which a load counts as hung; 0: the worker's own */
    struct option_list traces; /* files and folders */
};

#endif
