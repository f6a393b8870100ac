#include "tools/symbols/lines.h"

#include "tools/common/memory.h"
#include "tools/symbols/ranges.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEPTH_MOST = 256, NONE = -1 };

/* A function that was compiled, or one inlined into the scope around it. */
struct scope {
    Dwarf_Off die;
    int32_t parent; /* NONE */
    bool inlined;
};

/* A compilation unit; its scopes are read when an address in it is asked for. */
struct unit {
    Dwarf_Die die;
    bool read;
    struct scope *scopes;
    size_t nscopes;
    struct ranges ranges; /* what: a scope; rank: its depth */
};

struct lines {
    int fd;
    Dwarf *dwarf;
    struct unit *units;
    size_t nunits;
    struct ranges ranges; /* what: a unit */
};

bool lines_possible(void)
{
    return true;
}

static void die_ranges(Dwarf_Die *die, struct ranges *ranges, uint32_t rank, uint32_t what)
{
    Dwarf_Addr base, from, to;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &from, &to)) > 0;)
        if (from) /* 0: the linker left it out */
            ranges_add(ranges, from, to, rank, what);
}

/* -- units ---------------------------------------------------------------------------------------
 */

static void units_read(struct lines *lines)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    while (dwarf_get_units(lines->dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        if (dwarf_tag(&die) != DW_TAG_compile_unit && dwarf_tag(&die) != DW_TAG_skeleton_unit)
            continue;
        lines->units = memory_grow(lines->units, lines->nunits, sizeof *lines->units);
        lines->units[lines->nunits] = (struct unit){.die = die};
        die_ranges(&die, &lines->ranges, 0, (uint32_t)lines->nunits++);
    }
    ranges_lay_out(&lines->ranges);
}

struct lines *lines_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Dwarf *dwarf = fd >= 0 ? dwarf_begin(fd, DWARF_C_READ) : NULL;
    if (!dwarf) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct lines *lines = memory_zeroed(1, sizeof *lines);
    *lines = (struct lines){.fd = fd, .dwarf = dwarf};
    units_read(lines);
    if (lines->nunits)
        return lines;
    lines_close(lines);
    return NULL;
}

void lines_close(struct lines *lines)
{
    if (!lines)
        return;
    for (size_t i = 0; i < lines->nunits; i++) {
        ranges_free(&lines->units[i].ranges);
        free(lines->units[i].scopes);
    }
    ranges_free(&lines->ranges);
    free(lines->units);
    dwarf_end(lines->dwarf);
    close(lines->fd);
    free(lines);
}

/* -- scopes --------------------------------------------------------------------------------------
 */

static int32_t scope_add(struct unit *unit, Dwarf_Die *die, int32_t parent, unsigned depth)
{
    unit->scopes = memory_grow(unit->scopes, unit->nscopes, sizeof *unit->scopes);
    int32_t scope = (int32_t)unit->nscopes++;
    unit->scopes[scope] =
        (struct scope){dwarf_dieoffset(die), parent, dwarf_tag(die) == DW_TAG_inlined_subroutine};
    die_ranges(die, &unit->ranges, depth, (uint32_t)scope);
    return scope;
}

static bool holds_scopes(int tag)
{
    switch (tag) {
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
    case DW_TAG_lexical_block:
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
        return true;
    default:
        return false;
    }
}

static void scopes_read(struct unit *unit, Dwarf_Die *around, int32_t parent, unsigned depth)
{
    Dwarf_Die die;
    if (depth > DEPTH_MOST || dwarf_child(around, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);
        if (!holds_scopes(tag) || !dwarf_haschildren(&die)) {
            if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
                continue;
        }
        int32_t scope = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine
                            ? scope_add(unit, &die, tag == DW_TAG_subprogram ? NONE : parent, depth)
                            : parent;
        scopes_read(unit, &die, scope, depth + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

static struct unit *unit_find(struct lines *lines, uint64_t address)
{
    const struct range *range = ranges_find(&lines->ranges, address);
    struct unit *unit = range ? &lines->units[range->what] : NULL;
    if (unit && !unit->read) {
        unit->read = true;
        scopes_read(unit, &unit->die, NONE, 1);
        ranges_lay_out(&unit->ranges);
    }
    return unit;
}

/* -- places --------------------------------------------------------------------------------------
 */

static const char *die_symbol(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    if (!dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) &&
        !dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute) &&
        !dwarf_attr_integrate(die, DW_AT_name, &attribute))
        return NULL;
    return dwarf_formstring(&attribute);
}

static Dwarf_Word die_number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
        return 0;
    return value;
}

/* Where an inlined function was called. */
static struct line line_of_call(struct unit *unit, Dwarf_Die *die)
{
    Dwarf_Files *files;
    size_t n;
    Dwarf_Word file = die_number(die, DW_AT_call_file);
    struct line line = {.line = (unsigned)die_number(die, DW_AT_call_line)};
    if (dwarf_getsrcfiles(&unit->die, &files, &n) == 0 && file < n)
        line.file = dwarf_filesrc(files, file, NULL, NULL);
    return line;
}

static struct line line_at(struct unit *unit, uint64_t address)
{
    struct line line = {0};
    int number = 0;
    bool ends = true; /* the row behind a sequence has a line, too, of nothing */
    Dwarf_Line *found = dwarf_getsrc_die(&unit->die, address);
    if (found && dwarf_lineendsequence(found, &ends) == 0 && !ends) {
        line.file = dwarf_linesrc(found, NULL, NULL);
        if (dwarf_lineno(found, &number) == 0)
            line.line = (unsigned)number;
    }
    return line;
}

size_t lines_find(struct lines *lines, uint64_t address, struct line *places, size_t most)
{
    struct unit *unit = unit_find(lines, address);
    if (!unit)
        return 0;
    const struct range *range = ranges_find(&unit->ranges, address);
    if (!range && unit->ranges.n) /* between functions; in a unit of an assembler there are none */
        return 0;
    struct line next = line_at(unit, address);
    size_t n = 0;
    for (int32_t i = range ? (int32_t)range->what : NONE; i != NONE && n < most;
         i = unit->scopes[i].parent) {
        Dwarf_Die die;
        if (!dwarf_offdie(lines->dwarf, unit->scopes[i].die, &die))
            break;
        places[n] = next;
        places[n++].symbol = die_symbol(&die);
        next = line_of_call(unit, &die);
    }
    if (!n && next.file && most)
        places[n++] = next;
    return n;
}
