/*
 * tools/run.h - what the files of `weir run` share: what is to be run, and how it went.
 */
#ifndef WEIR_TOOLS_RUN_H
#define WEIR_TOOLS_RUN_H

#include "observe/run_page.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>

struct run {
    bool json;
    const char *limit, *record, *output; /* as given, or NULL */
    char **command;
    char library[4096]; /* libweir-malloc.so */
    void *page;         /* the shared memory */
    int page_file;
    int pid;                 /* of the program */
    uint64_t started, ended; /* CLOCK_MONOTONIC, ns */
    int status;              /* as of wait */
    struct rusage usage;
};

/* The command (tools/command.h). tools/cmd_run.c */
int weir_command_run(int argc, char **argv);

/*
 * Can the program be run with a library loaded first? 0, or the exit status that a
 * shell would give (126, 127) after one line on standard error: it is not there, not
 * executable, static, setuid, for another machine. tools/run_check.c
 */
int run_check(const char *program);

/* Finds libweir-malloc.so beside this program or where it was installed; false after
 * one line on standard error. tools/run_check.c */
bool run_library(struct run *run);

/* Writes the report of a run that has ended. tools/run_report.c */
void run_report(const struct run *run, FILE *to);

#endif
