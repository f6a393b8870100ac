/*
 * python/optional.c - in the wheel's `weir` command alone: libdw and libmicrohttpd are used where
 * they are, so that the command starts without them; then reports have no lines, and nothing is
 * served. Owns a jump for each function that the command calls of them, and where it leads, which
 * is set before main. No lock: one thread is there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#if defined(__x86_64__) || defined(__aarch64__)

#define LIBDW(f)                                                                                   \
    f(dwarf_attr) f(dwarf_attr_integrate) f(dwarf_begin) f(dwarf_child) f(dwarf_dieoffset)         \
        f(dwarf_end) f(dwarf_filesrc) f(dwarf_formstring) f(dwarf_formudata) f(dwarf_get_units)    \
            f(dwarf_getsrc_die) f(dwarf_getsrcfiles) f(dwarf_haschildren) f(dwarf_lineendsequence) \
                f(dwarf_lineno) f(dwarf_linesrc) f(dwarf_offdie) f(dwarf_ranges)                   \
                    f(dwarf_siblingof) f(dwarf_tag)
#define MICROHTTPD(f)                                                                              \
    f(MHD_add_response_header) f(MHD_create_response_from_callback) f(MHD_destroy_response)        \
        f(MHD_get_connection_info) f(MHD_get_daemon_info) f(MHD_lookup_connection_value)           \
            f(MHD_queue_response) f(MHD_run) f(MHD_start_daemon) f(MHD_stop_daemon)

#ifdef __x86_64__
#define JUMP(to) "endbr64\n\tjmp *" to "(%rip)\n"
#else
#define JUMP(to) "adrp x16, " to "\n\tldr x16, [x16, :lo12:" to "]\n\tbr x16\n"
#endif

/* The symbol that the command's objects refer to. */
#define FUNCTION(name)                                                                             \
    extern void *weir__to_##name;                                                                  \
    __attribute__((visibility("hidden"))) void *weir__to_##name;                                   \
    __asm__(".text\n\t.globl " #name "\n\t.hidden " #name "\n\t.type " #name ", %function\n" #name \
            ":\n\t" JUMP("weir__to_" #name) "\t.size " #name ", .-" #name "\n");
LIBDW(FUNCTION)
MICROHTTPD(FUNCTION)

struct function {
    const char *name;
    void **to;
};

#define ENTRY(name) {#name, &weir__to_##name},
static const struct function of_libdw[] = {LIBDW(ENTRY){NULL, NULL}},
                             of_microhttpd[] = {MICROHTTPD(ENTRY){NULL, NULL}};

/* What none of them returns where it succeeds. */
static void *missing(void)
{
    errno = ENOSYS;
    return NULL;
}

/* All of them, or none. */
static void functions_find(const struct function *functions, const char *name)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    const struct function *f = functions;
    for (; library && f->name; f++) {
        *f->to = dlsym(library, f->name);
        if (!*f->to)
            break;
    }
    if (library && !f->name)
        return;
    for (f = functions; f->name; f++)
        *f->to = (void *)missing;
}

__attribute__((constructor)) static void optional_find(void)
{
    functions_find(of_libdw, "libdw.so.1");
    functions_find(of_microhttpd, "libmicrohttpd.so.12");
}

#else
typedef int weir__no_jumps_here;
#endif
