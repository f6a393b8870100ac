/*
 * tools/run/names.c - the names of code that a process made at run time, into its recording: when
 * the process is over, out of the map that its compiler left (observe/jit_map.h). Which names are
 * wanted is read from the records that pass: the addresses of stacks that lie in no module.
 */
#include "tools/run/run.h"

#include "observe/format.h"
#include "observe/jit_map.h"
#include "tools/trace/cursor.h"

#include <stdlib.h>
#include <unistd.h>

#define MODULES_MOST   4096
#define ADDRESSES_MOST (UINT32_C(1) << 20)

struct run_names {
    struct {
        uint64_t start, size;
    } modules[MODULES_MOST];
    uint32_t nmodules, latest; /* latest: the module of the address before */
    uint32_t n, room;
    uint64_t *addresses;
};

static struct run_names *names_of(struct run_recording *r)
{
    if (!r->names)
        r->names = calloc(1, sizeof *r->names);
    return r->names;
}

void run_names_free(struct run_recording *r)
{
    if (r->names)
        free(r->names->addresses);
    free(r->names);
    r->names = NULL;
}

static bool in_module(struct run_names *names, uint64_t address)
{
    uint32_t i = names->latest;
    if (i < names->nmodules && address - names->modules[i].start < names->modules[i].size)
        return true;
    for (i = 0; i < names->nmodules; i++)
        if (address - names->modules[i].start < names->modules[i].size) {
            names->latest = i;
            return true;
        }
    return false;
}

static void address_add(struct run_names *names, uint64_t address)
{
    if (names->n == ADDRESSES_MOST || in_module(names, address - 1))
        return;
    if (names->n == names->room) {
        uint32_t room = names->room ? 2 * names->room : 256;
        uint64_t *more = realloc(names->addresses, room * sizeof *more);
        if (!more)
            return;
        names->addresses = more;
        names->room = room;
    }
    names->addresses[names->n++] = address;
}

static void module_add(struct run_names *names, struct trace_cursor *c)
{
    uint64_t start = cursor_varint(c), size = cursor_varint(c);
    size_t length;
    cursor_string(c, &length);
    cursor_string(c, &length);
    start = c->at < c->end ? cursor_varint(c) : start;
    size = c->at < c->end ? cursor_varint(c) : size;
    if (c->bad || names->nmodules == MODULES_MOST)
        return;
    names->modules[names->nmodules].start = start;
    names->modules[names->nmodules++].size = size;
}

static void stacks_add(struct run_names *names, struct trace_cursor *c)
{
    uint64_t count = cursor_varint(c), address = 0;
    cursor_varint(c);
    for (; count && !c->bad; count--) {
        cursor_varint(c);
        address += cursor_svarint(c);
        if (!c->bad && address)
            address_add(names, address);
    }
}

void run_names_look(struct run_recording *r, uint32_t type, const unsigned char *payload,
                    uint32_t length)
{
    struct trace_cursor c = {payload, payload + length, false};
    struct run_names *names =
        type == WEIR__TRACE_MODL || type == WEIR__TRACE_STKN ? names_of(r) : NULL;
    if (names && type == WEIR__TRACE_MODL)
        module_add(names, &c);
    else if (names)
        stacks_add(names, &c);
}

/* -- when it is over -----------------------------------------------------------------------------
 */

static void name_write(void *user, const void *record, size_t length)
{
    run_record_jit(user, record, length);
}

/* A module that was told of after a node may have its address. */
static size_t wanted_list(struct run_names *names, struct weir__jit_wanted *wanted)
{
    size_t n = 0;
    for (uint32_t i = 0; i < names->n; i++)
        if (!in_module(names, names->addresses[i] - 1))
            wanted[n++].address = names->addresses[i];
    return n;
}

void run_names_write(struct run_recording *r, const struct run_image *image)
{
    struct run_names *names = r->names;
    uint64_t until = image->after ? image->after->taken_at : UINT64_MAX;
    int file = names && names->n ? weir__jit_map_open(image->pid, image->taken_at, until) : -1;
    if (file < 0)
        return;
    struct weir__jit_wanted *wanted = calloc(names->n, sizeof *wanted);
    if (wanted)
        weir__jit_map_read(file, wanted, wanted_list(names, wanted), name_write, r);
    free(wanted);
    close(file);
}
