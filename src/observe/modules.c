/* observe/modules.c - see modules.h. Nothing here allocates. */
#include "observe/modules.h"

#include "observe/bytes.h"
#include "observe/format.h"
#include "observe/trace_sink.h"
#include "track/trace_hook.h"
#include "unwind/rule.h"
#include "unwind/trie.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#define ID_MOST WEIR__BUILD_ID_MOST

/* The program itself, which has no name in the loader's list and comes first there. */
static struct {
    uintptr_t start;
    size_t length;
    char path[WEIR__MODULE_PATH_MOST];
} program;

/* -- a record -----------------------------------------------------------------------------------
 */

/* The build id among the notes of a segment; its length, or 0. */
static size_t notes_build_id(const char *notes, size_t size, const unsigned char **id)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)notes;
        size_t name = (note->n_namesz + 3u) & ~(size_t)3,
               whole = (note->n_descsz + 3u) & ~(size_t)3;
        size_t length = sizeof *note + name + whole;
        if (length > size)
            return 0;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            memcmp(notes + sizeof *note, "GNU", 4) == 0) {
            *id = (const unsigned char *)notes + sizeof *note + name;
            return note->n_descsz;
        }
        notes += length;
        size -= length;
    }
    return 0;
}

size_t weir__module_build_id(const struct weir__module *module, const unsigned char **id)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)module->start;
    size_t length = 0;
    if (module->end - module->start < sizeof *header ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > module->end - module->start)
        return 0;
    const ElfW(Phdr) *segments = (const void *)((const char *)header + header->e_phoff);
    for (int i = 0; i < header->e_phnum && !length; i++) {
        uintptr_t at = module->bias + segments[i].p_vaddr;
        if (segments[i].p_type == PT_NOTE && at >= module->start &&
            at + segments[i].p_memsz <= module->end)
            length = notes_build_id((const char *)at, segments[i].p_memsz, id);
    }
    return weir__min(length, WEIR__BUILD_ID_MOST);
}

void weir__module_piece_write(const struct weir__module_piece *piece)
{
    unsigned char record[WEIR__MODULE_PATH_MOST + ID_MOST + 6 * WEIR__VARINT_MOST], *at = record;
    at = weir__put_varint(at, piece->base);
    at = weir__put_varint(at, piece->whole);
    at = weir__put_string(at, piece->path, piece->path_length, WEIR__MODULE_PATH_MOST);
    at = weir__put_string(at, piece->id, piece->id_length, ID_MOST);
    if (piece->bytes) {
        at = weir__put_varint(at, piece->first);
        at = weir__put_varint(at, piece->bytes);
    }
    weir__trace_write(WEIR__TRACE_MODL, record, (size_t)(at - record), NULL, 0);
}

static struct weir__module_piece piece_of(const struct weir__module *module)
{
    bool own = program.length && module->start == program.start;
    struct weir__module_piece piece = {.base = module->bias,
                                       .whole = module->end - module->bias,
                                       .path = own ? program.path : module->path,
                                       .id = (const unsigned char *)""};
    piece.path_length = own ? program.length : strlen(piece.path);
    piece.id_length = weir__module_build_id(module, &piece.id);
    return piece;
}

static void module_write(const struct weir__module *module)
{
    struct weir__module_piece piece = piece_of(module);
    weir__module_piece_write(&piece);
}

/* Its addresses mean something else from here on. */
static void module_gone(const struct weir__module *module)
{
    unsigned char record[2 * WEIR__VARINT_MOST], *at = record;
    weir__trie_forget(module->start, module->end);
    at = weir__put_varint(at, module->bias);
    at = weir__put_varint(at, __atomic_load_n(&weir__trace_account->sequence, __ATOMIC_RELAXED));
    weir__trace_write(WEIR__TRACE_MODU, record, (size_t)(at - record), NULL, 0);
}

/* -- code that the program maps by itself ---------------------------------------------------------
 */

void weir__modules_moved(const struct weir__module *module, const void *from, const void *to,
                         size_t bytes)
{
    uintptr_t old = (uintptr_t)from, first = (uintptr_t)to;
    if (first < old - module->bias)
        return;
    bool headed = module->start < old || module->start - old >= bytes;
    struct weir__module rest = *module;
    rest.end = headed ? rest.end : rest.start; /* its headers moved, too: no build id */
    struct weir__module_piece piece = piece_of(&rest);
    piece.whole = module->end - module->bias;
    piece.base = first - (old - module->bias);
    piece.first = first;
    piece.bytes = bytes;
    weir__module_piece_write(&piece);
}

/* -- all of them ----------------------------------------------------------------------------------
 */

static int module_look(struct dl_phdr_info *info, size_t size, void *unused)
{
    struct weir__module module;
    uintptr_t first = UINTPTR_MAX;
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            first = weir__min(first, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    if (first == UINTPTR_MAX || !weir__module_find(first, &module))
        return 0;
    if (!program.start) {
        ssize_t n =
            *info->dlpi_name ? 0 : readlink("/proc/self/exe", program.path, WEIR__MODULE_PATH_MOST);
        program.start = module.start;
        program.length = n > 0 ? (size_t)n : 0;
    }
    weir__rules_meet_module(&module);
    return 0;
}

void weir__modules_complete(void)
{
    int saved = errno;
    weir__rules_check_modules();
    dl_iterate_phdr(module_look, NULL);
    errno = saved;
}

void weir__modules_begin(void)
{
    weir__rule_module_met = weir__rule_module_gone = NULL;
    weir__rules_check_modules();
    weir__modules_forget();
    weir__rule_module_met = module_write;
    weir__rule_module_gone = module_gone;
    weir__modules_complete();
}

void weir__modules_again(void)
{
    weir__modules_each(module_write);
}
