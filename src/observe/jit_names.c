/* observe/jit_names.c - see jit_names.h. */
#include "observe/jit_names.h"

#include "observe/format.h"
#include "observe/jit_map.h"
#include "observe/trace_sink.h"
#include "os/pages.h"
#include "unwind/module.h"
#include "unwind/trie.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct list {
    struct weir__jit_wanted *wanted; /* NULL: they are only counted */
    size_t n, most;
};

static void address_look(uint64_t address, void *user)
{
    struct list *list = user;
    struct weir__module module;
    if (weir__module_find((uintptr_t)address - 1, &module))
        return;
    if (list->wanted && list->n < list->most)
        list->wanted[list->n].address = address;
    list->n++;
}

static void record_write(void *unused, const void *record, size_t length)
{
    (void)unused;
    weir__trace_write(WEIR__TRACE_JITM, record, length, NULL, 0);
}

/* When this process began, ns of CLOCK_BOOTTIME: the 22nd field of its line, in ticks. UINT64_MAX:
 * it is not known, and no map is believed. */
static uint64_t process_began(void)
{
    char line[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : read(file, line, sizeof line - 1);
    if (file >= 0)
        close(file);
    line[n > 0 ? n : 0] = '\0';
    const char *at = strrchr(line, ')'); /* its name may have anything in it */
    for (unsigned field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    long ticks = sysconf(_SC_CLK_TCK);
    return at && ticks > 0 ? strtoull(at, NULL, 10) * (UINT64_C(1000000000) / (unsigned long)ticks)
                           : UINT64_MAX;
}

static void names_write(int file)
{
    struct list list = {.wanted = NULL};
    size_t size;
    weir__trie_each(address_look, &list);
    if (!list.n || !weir__os_page_round(list.n * sizeof *list.wanted, &size))
        return;
    list = (struct list){.wanted = weir__os_map(size), .most = list.n};
    if (!list.wanted)
        return;
    weir__trie_each(address_look, &list);
    weir__jit_map_read(file, list.wanted, weir__min(list.n, list.most), record_write, NULL);
    weir__os_unmap(list.wanted, size);
}

void weir__jit_names_write(void)
{
    int saved = errno;
    int file =
        weir__trie_nodes() ? weir__jit_map_open((int)getpid(), process_began(), UINT64_MAX) : -1;
    if (file >= 0) {
        names_write(file);
        close(file);
    }
    errno = saved;
}
