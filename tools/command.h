/*
 * tools/command.h - the commands of `weir`: each in its own file, cmd_NAME.c,
 * with one function that gets argv from its own name on and returns the exit status:
 * 0 done, 1 it failed (one line on standard error said why), 2 wrong usage.
 */
#ifndef WEIR_TOOLS_COMMAND_H
#define WEIR_TOOLS_COMMAND_H

typedef int weir_command(int argc, char **argv);

weir_command weir_command_bench;  /* replays traces: time, memory, exact statistics */
weir_command weir_command_run;    /* runs a program on weir's malloc */
weir_command weir_command_trace;  /* what a recorded trace says */
weir_command weir_command_stats;  /* what this weir is made of, and its figures */
weir_command weir_command_plan;   /* lays buffers out in one arena */
weir_command weir_command_top;    /* contexts and tags of running processes */
weir_command weir_command_device; /* lists devices, measures their pools */

#endif
