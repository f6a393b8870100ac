/*
 * tests/loads/symbols_look.c - what tools/symbols says of addresses of one file.
 *
 * usage: symbols_look [-l] [-d DEBUG-FOLDER] [-i BUILD-ID] FILE
 *     hexadecimal addresses of the file on stdin, a line each on stdout, with tabs:
 *         ADDRESS KIND START NAME FULL    and with -l for each place: FUNCTION FILE:LINE
 *     then a line "module LACKS DEBUG-FILE PROBLEM"
 * usage: symbols_look -p
 *     can there be lines? Status 0 or 1
 * usage: symbols_look -c COUNT FILE
 *     processor time of COUNT look-ups of addresses that its functions have, all different, and of
 *     opening it
 */
#include "tools/symbols/module.h"

#include "tools/common/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BASE UINT64_C(0x7f0000000000) /* where the process had the file */

static const char *const kinds[] = {"named", "jit", "function", "address"};

/* As the process would have seen it, but for `id`, which may say otherwise. */
static void module_add(struct symbols *symbols, const char *path, const char *id)
{
    struct mapped file;
    char own[2 * MAPPED_ID_MOST + 1] = "";
    uint64_t end = UINT64_C(1) << 32;
    if (mapped_open(&file, path) == NULL) {
        mapped_build_id(&file, own);
        end = image_end(&file.image);
    }
    symbols_add_module(symbols, BASE, end, path, id ? id : own, 0, UINT64_MAX);
    mapped_close(&file);
}

static void places_print(struct symbols *symbols, const struct symbol *symbol)
{
    const struct symbol_place *places;
    size_t n = symbols_places(symbols, symbol, &places);
    for (size_t i = 0; i < n; i++)
        printf("\t%s %s:%u", places[i].full, places[i].file ? places[i].file : "?", places[i].line);
}

static void look(struct symbols *symbols, uint64_t address, bool lines)
{
    const struct symbol *symbol = symbols_find(symbols, BASE + address, 1);
    printf("%" PRIx64 "\t%s\t%" PRIx64 "\t%s\t%s", address, kinds[symbol->kind], symbol->start,
           symbol->name, symbol->full);
    if (lines)
        places_print(symbols, symbol);
    putchar('\n');
}

/* -- cost ----------------------------------------------------------------------------------------
 */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As many addresses, spread over the code of the file. */
static uint64_t *addresses_make(const char *path, size_t count)
{
    struct module module = {
        .about = {.path = memory_text(path, strlen(path)), .build_id = memory_text("", 0)}};
    uint64_t *addresses = memory_array(NULL, count, sizeof *addresses), total = 0;
    module_open(&module, "/none");
    for (size_t i = 0; i < module.ranges.n; i++)
        total += module.ranges.at[i].to - module.ranges.at[i].from;
    if (total < count)
        exit(77);
    uint64_t step = total / count, over = 0;
    size_t n = 0;
    for (size_t i = 0; i < module.ranges.n && n < count; i++) {
        const struct range *range = &module.ranges.at[i];
        uint64_t at = range->from + over;
        for (; at < range->to && n < count; at += step)
            addresses[n++] = BASE + at;
        over = at - range->to;
    }
    module_close(&module);
    return addresses;
}

static int cost(const char *path, size_t count)
{
    uint64_t *addresses = addresses_make(path, count);
    double begin = now();
    struct symbols *symbols = symbols_open("/none");
    module_add(symbols, path, NULL);
    symbols_find(symbols, addresses[0], 1);
    double opened = now();
    for (size_t i = 0; i < count; i++)
        symbols_find(symbols, addresses[i], 1);
    double first = now();
    for (size_t i = 0; i < count; i++)
        symbols_find(symbols, addresses[i], 1);
    double again = now();
    const struct symbols_module *module = symbols_module_at(symbols, 0);
    printf("%s: %" PRIu64 " addresses, %" PRIu64 " without a symbol; open %.3f s, look up %.3f s, "
           "again %.3f s\n",
           module->file, module->asked, module->nameless, opened - begin, first - opened,
           again - first);
    symbols_close(symbols);
    free(addresses);
    return 0;
}

int main(int argc, char **argv)
{
    const char *debug = NULL, *id = NULL;
    bool lines = false;
    size_t count = 0;
    for (int option; (option = getopt(argc, argv, "pld:i:c:")) != -1;)
        switch (option) {
        case 'p':
            return !lines_possible();
        case 'l':
            lines = true;
            break;
        case 'd':
            debug = optarg;
            break;
        case 'i':
            id = optarg;
            break;
        case 'c':
            count = strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    if (optind + 1 != argc)
        return 2;
    if (count)
        return cost(argv[optind], count);
    struct symbols *symbols = symbols_open(debug);
    module_add(symbols, argv[optind], id);
    for (uint64_t address; scanf("%" SCNx64, &address) == 1;)
        look(symbols, address, lines);
    const struct symbols_module *module = symbols_module_at(symbols, 0);
    const char *problem = symbols_problem(module);
    printf("module\t%x\t%s\t%s\n", module->lacks, module->debug ? module->debug : "-",
           problem ? problem : "-");
    symbols_close(symbols);
    return 0;
}
