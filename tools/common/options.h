/*
 * tools/common/options.h - the command line of a command, from one table: getopt_long reads it,
 * the help is printed from it. `-h` and `--help` are everywhere. Every complaint is one line on
 * standard error. The values are the caller's; one thread (getopt's state).
 */
#ifndef WEIR_TOOLS_COMMON_OPTIONS_H
#define WEIR_TOOLS_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,   /* bool: true */
    OPTION_TEXT,   /* const char *: the argument */
    OPTION_LIST,   /* struct option_list: one more */
    OPTION_COUNT,  /* uint64_t, from `least` to `most` */
    OPTION_SIZE,   /* uint64_t: bytes, with K, M, G or T; not 0 */
    OPTION_REAL,   /* double above 0 */
    OPTION_CHOICE, /* int: which of the words in `argument`, "none|page|all" */
};

struct option_list {
    char **words;
    size_t n;
};

struct option_spec {
    const char *name; /* NULL: the table's end */
    enum option_kind kind;
    void *to;             /* NULL: nowhere (a flag that only marks) */
    const char *argument; /* as the help shows it, "FILE"; in brackets: it may be left out */
    const char *help;     /* lines after the first are indented */
    char letter;          /* a short name, or 0 */
    uint64_t least, most; /* of a count; most 0: any */
    int *mark, value;     /* *mark = value, where it was given */
};

struct options {
    const char *command;         /* "weir bench" */
    const char *usage;           /* "[OPTIONS] FILE"; lines are forms of the command */
    const char *about, *closing; /* paragraphs of the help, or NULL */
    const struct option_spec *table;
    bool first_operand_ends; /* what follows is another command's */
};

/* -1: go on, operands are argv[optind] and on; else the exit status: 0 after the help, 2 after one
 * line of complaint. */
int options_read(const struct options *options, int argc, char **argv);

/* One line, "COMMAND: ... ; COMMAND --help says more". Returns 2. */
int options_complain(const struct options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void option_list_add(struct option_list *list, char *word);

/* With its words, where they are the list's own. */
void option_list_free(struct option_list *list, bool words);

#endif
