/* tools/common/options.c - see options.h. */
#include "tools/common/options.h"
#include "tools/common/memory.h"
#include "tools/common/number.h"
#include "tools/common/text.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_MOST = 40, FIRST_CODE = 256, HELP_COLUMN = 26 };

int options_complain(const struct options *o, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", o->command);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "; %s --help says more\n", o->command);
    va_end(arguments);
    return 2;
}

void option_list_add(struct option_list *list, char *word)
{
    list->words = memory_grow(list->words, list->n, sizeof *list->words);
    list->words[list->n++] = word;
}

void option_list_free(struct option_list *list, bool words)
{
    for (size_t i = 0; i < list->n && words; i++)
        free(list->words[i]);
    free(list->words);
}

/* -- the help -------------------------------------------------------------------------------- */

/* The lines of a text, those after the first behind `indent` blanks. */
static void lines_print(const char *text, int indent)
{
    for (const char *end; (end = strchr(text, '\n')); text = end + 1)
        printf("%.*s\n%*s", (int)(end - text), text, indent, "");
    puts(text);
}

static void option_print(const struct option_spec *s)
{
    const char *argument = s->argument ? s->argument : "";
    char left[80];
    snprintf(left, sizeof left, "  %c%c%s--%s%s%s", s->letter ? '-' : ' ',
             s->letter ? s->letter : ' ', s->letter ? ", " : "  ", s->name,
             *argument && *argument != '[' ? " " : "", argument);
    printf("%-*s%s", HELP_COLUMN, left, strlen(left) < HELP_COLUMN ? "" : "\n");
    printf("%*s", strlen(left) < HELP_COLUMN ? 0 : HELP_COLUMN, "");
    lines_print(s->help, HELP_COLUMN);
}

static void help_print(const struct options *o)
{
    static const struct option_spec help = {
        .name = "help", .letter = 'h', .help = "prints this help"};
    const char *usage = o->usage;
    for (const char *lead = "usage:", *end; *usage; lead = "      ", usage = end + (*end == '\n')) {
        end = strchrnul(usage, '\n');
        printf("%s %s %.*s\n", lead, o->command, (int)(end - usage), usage);
    }
    printf("\n%s\n\n", o->about);
    for (const struct option_spec *s = o->table; s->name; s++)
        option_print(s);
    option_print(&help);
    if (o->closing)
        printf("\n%s\n", o->closing);
}

/* -- values ---------------------------------------------------------------------------------- */

/* Index of the word among those between bars, or -1. */
static int choice_index(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (int i = 0; words && *words; i++) {
        size_t length = strcspn(words, "|");
        if (length == n && strncmp(words, word, n) == 0)
            return i;
        words += length + (words[length] == '|');
    }
    return -1;
}

/* "none, page or all" of "none|page|all". */
static int choice_complain(const struct options *o, const struct option_spec *s)
{
    char words[80] = "";
    size_t n = 0;
    for (const char *at = s->argument; at && *at && n + 4 < sizeof words; at++)
        if (*at == '|')
            n += (size_t)sprintf(words + n, strchr(at + 1, '|') ? ", " : " or ");
        else
            words[n++] = *at;
    return options_complain(o, "--%s takes %s, not \"%s\"", s->name, words, optarg);
}

/* -1, or 2 and a line. */
static int option_take(const struct options *o, const struct option_spec *s)
{
    double real;
    if (s->mark)
        *s->mark = s->value;
    if (!s->to || (s->argument && !optarg))
        return -1;
    switch (s->kind) {
    case OPTION_FLAG:
        *(bool *)s->to = true;
        return -1;
    case OPTION_TEXT:
        *(const char **)s->to = optarg;
        return -1;
    case OPTION_LIST:
        option_list_add(s->to, optarg);
        return -1;
    case OPTION_COUNT:
        if (number_count(optarg, s->least, s->most ? s->most : UINT64_MAX, s->to))
            return -1;
        return options_complain(
            o, "--%s takes a number from %llu%s, not \"%s\"", s->name, (unsigned long long)s->least,
            s->most ? text_made(" to %llu", (unsigned long long)s->most) : "", optarg);
    case OPTION_SIZE:
        if (number_size(optarg, s->to) && *(uint64_t *)s->to)
            return -1;
        return options_complain(o, "--%s takes a size (bytes, or 512M, 2G), not \"%s\"", s->name,
                                optarg);
    case OPTION_REAL:
        if (number_real(optarg, &real) && real > 0) {
            *(double *)s->to = real;
            return -1;
        }
        return options_complain(o, "--%s takes a number above 0, not \"%s\"", s->name, optarg);
    case OPTION_CHOICE:
        *(int *)s->to = choice_index(s->argument, optarg);
        return *(int *)s->to >= 0 ? -1 : choice_complain(o, s);
    }
    return 2;
}

/* -- the command line ------------------------------------------------------------------------ */

int options_read(const struct options *o, int argc, char **argv)
{
    struct option longs[TABLE_MOST + 2] = {{"help", no_argument, NULL, 'h'}};
    char shorts[2 * TABLE_MOST + 4], *at = stpcpy(shorts, o->first_operand_ends ? "+h" : "h");
    size_t n = 0;
    for (const struct option_spec *s = o->table; s->name && n < TABLE_MOST; s++, n++) {
        int takes = !s->argument          ? no_argument
                    : *s->argument == '[' ? optional_argument
                                          : required_argument;
        longs[n + 1] = (struct option){s->name, takes, NULL, FIRST_CODE + (int)n};
        if (s->letter)
            at += sprintf(at, "%c%s", s->letter, s->argument ? ":" : "");
    }
    longs[n + 1] = (struct option){0};
    optind = 0; /* glibc: begin anew */
    for (int code; (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct option_spec *s = o->table;
        if (code == 'h') {
            help_print(o);
            return 0;
        }
        if (code == '?')
            return 2; /* getopt has said why */
        while (code < FIRST_CODE && s->letter != code)
            s++;
        int status = option_take(o, code < FIRST_CODE ? s : &o->table[code - FIRST_CODE]);
        if (status >= 0)
            return status;
    }
    return -1;
}
