/*
 * Addresses in words: what weir finds in an object's tables without a lock is what the loader finds
 * (dladdr), at the first and the last byte of functions, and not beyond.
 */
#include "observe/symbol.h"
#include "../helpers/suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
    char function[160], object[100];
    unsigned long from_function, in_object;
};

/* "function+0x1f (object+0x1234)" or "object+0x1234"; false: neither. */
static bool words_read(struct words *w, const char *text)
{
    *w = (struct words){.from_function = 0};
    if (sscanf(text, "%159[^+]+0x%lx (%99[^+]+0x%lx)", w->function, &w->from_function, w->object,
               &w->in_object) == 4)
        return true;
    *w = (struct words){.from_function = 0};
    return sscanf(text, "%99[^+]+0x%lx", w->object, &w->in_object) == 2;
}

/* Both name the byte before: a return address. Of functions that share their code either may be
 * named. */
static void expect_same(const char *address)
{
    char ours[WEIR__FRAME_TEXT], theirs[WEIR__FRAME_TEXT];
    struct words own, loader;
    weir__symbol_text(ours, address);
    weir__frame_text(theirs, address);
    cr_assert(words_read(&own, ours), "%s", ours);
    cr_assert(words_read(&loader, theirs), "%s", theirs);
    cr_expect_eq(own.in_object, loader.in_object, "%s, not %s", ours, theirs);
    cr_expect_str_eq(own.object, loader.object, "%s, not %s", ours, theirs);
    cr_expect_eq(!own.function[0], !loader.function[0], "%s, not %s", ours, theirs);
    if (strcmp(own.function, loader.function) == 0)
        cr_expect_eq(own.from_function, loader.from_function, "%s, not %s", ours, theirs);
}

static bool can_look(void)
{
    weir__symbol_ready();
    return dlsym(RTLD_DEFAULT, "_dl_find_object") != NULL;
}

Test(symbol, names_functions_from_their_first_byte_to_their_last)
{
    static const char *const names[] = {"malloc",  "free",   "qsort",  "printf",         "fopen",
                                        "strtoul", "getenv", "memcpy", "pthread_create", "strlen",
                                        "dlsym",   "dladdr", "abort",  "exit",           "read",
                                        "openat",  "mmap",   "munmap", "vsnprintf",      "fwrite"};
    unsigned checked = 0;
    if (!can_look())
        cr_skip("this C library has no _dl_find_object");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Dl_info info;
        ElfW(Sym) *symbol = NULL;
        const char *at = dlsym(RTLD_DEFAULT, names[i]);
        if (!at || !dladdr1(at, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
            continue;
        const char *first = info.dli_saddr;
        expect_same(first + 1);
        expect_same(first + symbol->st_size / 2 + 1);
        expect_same(first + symbol->st_size);
        expect_same(first + symbol->st_size + 1); /* none, or the next */
        expect_same(first);
        checked++;
        char text[WEIR__FRAME_TEXT];
        struct words w;
        weir__symbol_text(text, first + 1);
        cr_assert(words_read(&w, text) && w.function[0], "%s", text);
        cr_expect_eq(w.from_function, 1, "%s", text);
        cr_expect_eq(w.in_object, (unsigned long)(first - (const char *)info.dli_fbase), "%s",
                     text);
        cr_expect_eq(dlsym(RTLD_DEFAULT, w.function), (void *)(uintptr_t)first, "%s", text);
    }
    cr_expect_geq(checked, 10);
}

Test(symbol, names_an_object_where_nothing_is_exported)
{
    if (!can_look())
        cr_skip("this C library has no _dl_find_object");
    Dl_info info;
    const char *code = (const char *)(uintptr_t)words_read;
    cr_assert(dladdr(code, &info));
    if (info.dli_sname)
        cr_skip("this program exports its own functions");
    char text[WEIR__FRAME_TEXT], expected[WEIR__FRAME_TEXT];
    weir__symbol_text(text, code + 5);
    snprintf(expected, sizeof expected, "%.150s+0x%lx", program_invocation_short_name,
             (unsigned long)(code + 4 - (const char *)info.dli_fbase));
    cr_expect_str_eq(text, expected);
}

Test(symbol, an_address_of_no_object_stays_a_number)
{
    char text[WEIR__FRAME_TEXT], expected[64], on_stack;
    weir__symbol_ready();
    const char *const addresses[] = {(const char *)(uintptr_t)4096, &on_stack};
    for (int i = 0; i < 2; i++) {
        snprintf(expected, sizeof expected, "%p", (const void *)addresses[i]);
        weir__symbol_text(text, addresses[i]);
        cr_expect_str_eq(text, expected);
        weir__frame_text(text, addresses[i]);
        cr_expect_str_eq(text, expected);
    }
    cr_expect_null(weir__frame_function(&on_stack));
}
