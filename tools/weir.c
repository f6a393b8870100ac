/*
 * tools/weir.c - the `weir` command: finds the sub-command and runs it. Knows nothing
 * of what the commands do; a new one adds its line to `commands`.
 */
#include "tools/command.h"
#include "tools/common/text.h"

#include <weir/version.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Tells libweir that this is not a program to be limited or recorded (observe/library.c). */
extern const char weir_command_is_here;
const char weir_command_is_here = 1;

static const struct {
    const char *name;
    weir_command *run;
    const char *summary;
} commands[] = {
    {"run", weir_command_run, "runs a program on weir's malloc and reports its memory"},
    {"bench", weir_command_bench, "replays recorded traces: time, memory, exact statistics"},
    {"plan", weir_command_plan, "lays buffers with known lifetimes out in one arena"},
    {"trace", weir_command_trace, "what a recorded trace says: the peak, when, and who held it"},
    {"stats", weir_command_stats, "what this weir stands on, its size classes, its figures"},
    {"top", weir_command_top, "contexts and tags of running processes, greatest first"},
    {"device", weir_command_device, "lists devices; how fast and tight their pools are"},
    {NULL, NULL, NULL}, /* last */
};

static void usage(FILE *to)
{
    fprintf(to, "usage: weir COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; commands[i].name; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\nweir help COMMAND says more; weir --version names this release.\n");
}

/* One line with the command that is meant, if one is like it. */
static int unknown_complain(const char *name)
{
    size_t nearest = 0, least = SIZE_MAX;
    for (size_t i = 0; commands[i].name; i++) {
        size_t changes = text_distance(name, commands[i].name);
        if (changes < least)
            least = changes, nearest = i;
    }
    if (least > 2) /* of another word altogether */
        fprintf(stderr, "weir: no command \"%s\"; weir --help lists them\n", name);
    else
        fprintf(stderr, "weir: no command \"%s\"; did you mean \"weir %s\"?\n", name,
                commands[nearest].name);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    const char *name = argv[1];
    bool help = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
        usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("weir %s\n", weir_version());
        return 0;
    }
    if (help) /* weir help COMMAND */
        name = argv[2];
    static char full[32], *alone[] = {full, "--help", NULL};
    for (size_t i = 0; commands[i].name; i++)
        if (strcmp(name, commands[i].name) == 0) {
            snprintf(full, sizeof full, "weir %s", name); /* getopt's complaints begin with it */
            argv[1] = full;
            return help ? commands[i].run(2, alone) : commands[i].run(argc - 1, argv + 1);
        }
    return unknown_complain(name);
}
