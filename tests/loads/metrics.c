/*
 * What a scraper has to take:
 *
 *     metrics names [text]     allocators called what users type, in pairs that would be one path
 *     metrics bound            300 contexts with limits, 300 tags
 *     metrics many N           a context with N below it: the exposition, made once
 *     metrics serve [N]        names and N contexts, served (with libweir-metrics loaded), until
 *                              standard input ends; a line of it is printed when all are made
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static int text_print(bool text)
{
    static char page[8 << 20];
    weir_exposition_options options = WEIR_EXPOSITION_OPTIONS_INIT;
    options.text = text;
    int error = weir_stats_exposition(page, sizeof page, NULL, &options);
    fputs(page, stdout);
    return error;
}

static weir_allocator *context_make(const char *name, weir_allocator *parent, size_t limit)
{
    return weir_allocator_create(
        &(weir_allocator_options){.name = name, .parent = parent, .limit = limit});
}

static void names_make(void)
{
    static const char *const names[] = {"MacBook 14\" R/W",
                                        "back\\slash",
                                        "ends in \\",
                                        "two\nlines",
                                        "a,b={}",
                                        "caf\xc3\xa9",
                                        "cut \xc3",
                                        "\xff\xfe",
                                        "same",
                                        "same",
                                        "same#2",
                                        "",
                                        "  ",
                                        "a/b",
                                        "# EOF",
                                        "tab\there",
                                        "\r",
                                        "nul-like\x01",
                                        "\xed\xa0\x80",
                                        "x",
                                        "x/y",
                                        "#others",
                                        "same%232",
                                        "%FF%FE"};
    char longest[5000];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    context_make(longest, NULL, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        weir_allocator *a = context_make(names[i], NULL, i % 3 ? 0 : 5000);
        weir_tag_set(weir_tag_intern(names[i]));
        if (!weir_allocate(a, i * 10 + 1) || !context_make(names[i], a, 0) ||
            !context_make("y", a, 0))
            exit(1);
    }
    weir_tag_set(0);
}

static void bound_make(void)
{
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "context %d", i);
        weir_allocator *a = context_make(name, NULL, 1 << 20);
        weir_set_soft_limit(a, 1 << 19, NULL, NULL);
        weir_tag_set(weir_tag_intern(name));
        if (!weir_allocate(a, 100 + (size_t)i))
            exit(1);
    }
}

static void many_make(size_t n)
{
    weir_allocator *service = context_make("service", NULL, 0);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "session %zu", i);
        if (!weir_allocate(context_make(name, service, 0), i % 1000 * 16 + 1))
            exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "names";
    if (strcmp(what, "bound") == 0)
        bound_make();
    else if (strcmp(what, "many") == 0 && argc > 2)
        many_make(strtoul(argv[2], NULL, 10));
    else
        names_make();
    if (strcmp(what, "serve") == 0 && argc > 2)
        many_make(strtoul(argv[2], NULL, 10));
    if (strcmp(what, "serve") != 0)
        return text_print(argc > 2);
    for (int c = getchar(); c != EOF; c = getchar()) {
        putchar(c);
        fflush(stdout);
    }
    return 0;
}
