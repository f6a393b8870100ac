/* tools/symbols/no_lines.c - lines.h where there is no libdw. */
#include "tools/symbols/lines.h"

bool lines_possible(void)
{
    return false;
}

struct lines *lines_open(const char *path)
{
    (void)path;
    return NULL;
}

void lines_close(struct lines *lines)
{
    (void)lines;
}

size_t lines_find(struct lines *lines, uint64_t address, struct line *places, size_t most)
{
    (void)lines;
    (void)address;
    (void)places;
    (void)most;
    return 0;
}
