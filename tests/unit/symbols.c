/*
 * tests/unit/symbols.c - names of addresses: how names are shortened, ranges that overlap, JIT
 * names, modules that come and go, files that are not there, not ELF, damaged, or of another build.
 */
#include "tools/symbols/symbols.h"
#include "tools/symbols/demangle.h"
#include "tools/symbols/module.h"
#include "tools/symbols/ranges.h"
#include "tools/symbols/short.h"

#include "../helpers/scratch.h"

#include "../helpers/suite.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ALWAYS 0, UINT64_MAX

static void expect_short(const char *name, const char *wanted)
{
    char *made = malloc(2 * strlen(name) + 4);
    short_cxx(made, name);
    cr_expect_str_eq(made, wanted, "%s", name);
    free(made);
}

Test(symbols, names_of_cxx_lose_parameters_and_types)
{
    static const char *const names[][2] = {
        {"main", "main"},
        {"f(int, char const*)", "f"},
        {"ns::f()", "ns::f"},
        {"std::vector<int, std::allocator<int> >::push_back(int const&)",
         "std::vector<...>::push_back"},
        {"void f<int>(int)", "f<...>"},
        {"unsigned long ns::f<int (*)(char)>(int)", "ns::f<...>"},
        {"std::map<int, A<char> > const& f<int>()", "f<...>"},
        {"X::X(int)", "X::X"},
        {"ns::X<int>::~X()", "ns::X<...>::~X"},
        {"(anonymous namespace)::f(int)", "(anonymous namespace)::f"},
        {"void (anonymous namespace)::f<int>(int)", "(anonymous namespace)::f<...>"},
        {"a::(anonymous namespace)::X::f(int) const", "a::(anonymous namespace)::X::f"},
        {"f[abi:cxx11](int)", "f"},
        {"f(int) [clone .cold]", "f"},
        {"f(int) [clone .isra.0] [clone .part.1]", "f"},
        {"X::f(int) const &", "X::f"},
        {"int (*f<int>(char))(double)", "f<...>"},
        {"void (*std::set_new_handler(void (*)()))()", "std::set_new_handler"},
        {"decltype ((a)+(b)) f<int>(int)", "f<...>"},
        {"decltype(auto) f<int>(int)", "f<...>"},
        {"std::enable_if<((1)<(2))&&((3)>(2)), int>::type f<int>()", "f<...>"},
        {"X<(E)3, &(g(int))>::f()", "X<...>::f"},
        {"X<&(A::operator>(int))>::f()", "X<...>::f"},
        {"X<&(A::operator->())>::f()", "X<...>::f"},
        {"non-virtual thunk to X<int>::f(int)", "non-virtual thunk to X<...>::f"},
        {"guard variable for f(int)::x", "guard variable for f::x"},
        {"TLS init function for x", "TLS init function for x"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_short(names[i][0], names[i][1]);
}

Test(symbols, operators_keep_their_signs)
{
    static const char *const names[][2] = {
        {"operator new(unsigned long)", "operator new"},
        {"operator new[](unsigned long, std::nothrow_t const&)", "operator new[]"},
        {"operator delete(void*)", "operator delete"},
        {"X::operator()(int) const", "X::operator()"},
        {"X<int>::operator()<char>(char)", "X<...>::operator()<...>"},
        {"void X::operator()<char>(char)", "X::operator()<...>"},
        {"X::operator<(X const&) const", "X::operator<"},
        {"X::operator->() const", "X::operator->"},
        {"X::operator->*(int)", "X::operator->*"},
        {"X::operator[](int)", "X::operator[]"},
        {"X::operator,(int)", "X::operator,"},
        {"X::operator<=>(X)", "X::operator<=>"},
        {"std::basic_ostream<char>& std::operator<< <std::char_traits<char> >"
         "(std::basic_ostream<char>&, char const*)",
         "std::operator<<<...>"},
        {"bool operator< <int>(A<int>, A<int>)", "operator<<...>"},
        {"X::operator bool() const", "X::operator bool"},
        {"X::operator std::vector<int>() const", "X::operator std::vector<...>"},
        {"X::operator unsigned long const*()", "X::operator unsigned long const*"},
        {"operator\"\" _km(long double)", "operator\"\" _km"},
        {"my_operator(int)", "my_operator"},
        {"operators::f(int)", "operators::f"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_short(names[i][0], names[i][1]);
}

Test(symbols, lambdas_are_told_by_their_function)
{
    static const char *const names[][2] = {
        {"main::{lambda()#1}::operator()() const", "main::{lambda#1}::operator()"},
        {"f(int)::{lambda(int, char)#2}::operator()(int, char) const", "f::{lambda#2}::operator()"},
        {"void f<int>(int) const::{lambda(auto:1)#1}::operator()<int>(int) const",
         "f<...>::{lambda#1}::operator()<...>"},
        {"X::f(int) const &::{lambda()#1}::_FUN()", "X::f::{lambda#1}::_FUN"},
        {"f()::{unnamed type#1}::g()", "f::{unnamed type#1}::g"},
        {"std::_Function_handler<void (), f()::{lambda()#1}>::_M_invoke(std::_Any_data const&)",
         "std::_Function_handler<...>::_M_invoke"},
        {"{lambda(int)#1}::operator()(int) const", "{lambda#1}::operator()"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_short(names[i][0], names[i][1]);
}

Test(symbols, what_is_no_name_stays_as_it_is)
{
    static const char *const names[] = {"f<int",      "f(int",    "a b)",  "",
                                        ">",          "x{",       "(",     "operator",
                                        "f<((((((((", "\xff\xfe", "a<b>>c"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (*names[i] != 'a')
            expect_short(names[i], names[i]);
    char deep[4096];
    memset(deep, '<', sizeof deep - 1);
    deep[0] = 'f';
    deep[sizeof deep - 1] = '\0';
    expect_short(deep, deep);
    memset(deep + 1, '(', sizeof deep - 2);
    expect_short(deep, deep);
}

/* Every string of a few signs: no write behind the room, no read behind the end (valgrind and
 * the sanitizers look), and an end. */
Test(symbols, any_signs_are_read_to_their_end)
{
    static const char signs[] = "<>(){}[]*& :-a#~";
    uint64_t state = 1;
    unsigned rounds = getenv("WEIR_TEST_SLOW") ? 2000 : 200000;
    for (unsigned i = 0; i < rounds; i++) {
        char name[48], *made;
        size_t n = 0;
        while (n < sizeof name - 10) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            unsigned which = (unsigned)(state >> 40) % 20;
            if (which == 19)
                break;
            n += (size_t)sprintf(name + n, which < 16 ? "%c" : "operator", signs[which % 16]);
        }
        name[n] = '\0';
        made = malloc(2 * n + 4);
        memset(made, 'Z', 2 * n + 4);
        short_cxx(made, name);
        cr_assert(memchr(made, '\0', 2 * n + 4), "%s", name);
        free(made);
    }
}

Test(symbols, names_of_c_lose_what_compilers_add)
{
    static const struct {
        const char *symbol, *name;
    } names[] = {{"f", "f"},
                 {"f.cold", "f"},
                 {"f.part.0", "f"},
                 {"f.constprop.0.isra.3", "f"},
                 {"f.part.0.cold", "f"},
                 {"f.lto_priv.12", "f"},
                 {"memcpy@@GLIBC_2.14", "memcpy"},
                 {"f.cold@V1", "f"},
                 {"f.partial", "f.partial"},
                 {"a.b", "a.b"},
                 {"@", "@"},
                 {".cold", ".cold"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(short_symbol(names[i].symbol) == strlen(names[i].name), "%s", names[i].symbol);
}

Test(symbols, names_of_rust_are_as_they_were_written)
{
    char legacy[] = "_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..Drop$GT$::drop::"
                    "h0123456789abcdef",
         none[] = "core::fmt::h0123456789abcdeg";
    cr_expect(short_rust(legacy));
    cr_expect_str_eq(legacy, "<alloc::vec::Vec<T> as core::ops::Drop>::drop");
    cr_expect_not(short_rust(none));
    cr_expect_str_eq(none, "core::fmt::h0123456789abcdeg");
    struct demangled made = {0};
    demangle(&made, "_RNvC7mycrate3foo", 17);
    cr_expect_str_eq(made.brief, "_RNvC7mycrate3foo");
#ifdef HAVE_DEMANGLE
    demangle(&made, "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", 48);
    cr_expect_str_eq(made.brief, "core::fmt::Write::write_fmt");
    demangle(&made, "_ZN1X1fEi.lto_priv.0", 20);
    cr_expect_str_eq(made.brief, "X::f");
    cr_expect(strncmp(made.full, "X::f(int)", 9) == 0, "%s", made.full);
#endif
    demangle(&made, "i", 1); /* a type, to the runtime's demangler */
    cr_expect_str_eq(made.full, "i");
    demangled_free(&made);
}

/* -- ranges
 * ---------------------------------------------------------------------------------------- */

Test(symbols, of_ranges_the_greatest_rank_has_an_address)
{
    uint64_t state = 7;
    for (unsigned round = 0; round < 300; round++) {
        struct ranges ranges = {0};
        int owner[64];
        memset(owner, -1, sizeof owner);
        for (unsigned i = 0; i < round % 20; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            unsigned from = (unsigned)(state >> 33) % 64, to = from + (unsigned)(state >> 50) % 20;
            to = to > 64 ? 64 : to;
            ranges_add(&ranges, from, to, i, i);
            for (unsigned at = from; at < to; at++)
                owner[at] = (int)i;
        }
        ranges_lay_out(&ranges);
        for (unsigned at = 0; at < 64; at++) {
            const struct range *range = ranges_find(&ranges, at);
            cr_assert((range ? (int)range->what : -1) == owner[at], "round %u, %u", round, at);
        }
        ranges_free(&ranges);
    }
}

/* -- looking up
 * ------------------------------------------------------------------------------------ */

static void expect_name(struct symbols *symbols, uint64_t address, uint64_t event,
                        enum symbol_kind kind, const char *name)
{
    const struct symbol *symbol = symbols_find(symbols, address, event);
    cr_expect(symbol->kind == kind, "%#lx: %d", (long)address, symbol->kind);
    cr_expect_str_eq(symbol->name, name);
    cr_expect(symbol->named == (kind == SYMBOL_NAMED || kind == SYMBOL_JIT));
    cr_expect(symbol == symbols_find(symbols, address, event), "asked again, another");
}

Test(symbols, jit_names_are_the_last_ones)
{
    struct symbols *symbols = symbols_open(NULL);
    const struct symbol_place *places;
    symbols_add_jit(symbols, 0x1000, 0x100, "JS:~old a.js:1:1");
    symbols_add_jit(symbols, 0x1080, 0x10, "\"</script>\n\xff");
    symbols_add_jit(symbols, 0x1040, 0x20, "JS:*new a.js:1:1");
    symbols_add_jit(symbols, UINT64_MAX - 4, 100, "over the end");
    symbols_add_jit(symbols, 0x3000, 0, "empty");
    symbols_add_jit(symbols, 0x4000, 1, NULL);
    expect_name(symbols, 0x1000, 1, SYMBOL_JIT, "old a.js:1");
    expect_name(symbols, 0x1040, 1, SYMBOL_JIT, "new a.js:1");
    expect_name(symbols, 0x1060, 9, SYMBOL_JIT, "old a.js:1");
    expect_name(symbols, 0x1080, 1, SYMBOL_JIT, "\"</script>\n\xff");
    expect_name(symbols, UINT64_MAX - 1, 1, SYMBOL_JIT, "over the end");
    expect_name(symbols, 0x1100, 1, SYMBOL_ADDRESS, "0x1100");
    expect_name(symbols, 0x3000, 1, SYMBOL_ADDRESS, "0x3000");
    expect_name(symbols, 0x4000, 1, SYMBOL_JIT, "");
    expect_name(symbols, 0, 1, SYMBOL_ADDRESS, "0x0");
    cr_expect(symbols_find(symbols, 0x1050, 1)->start == 0x1040);
    cr_expect(symbols_find(symbols, 0x1050, 1)->module == NULL);
    cr_expect(symbols_places(symbols, symbols_find(symbols, 0x1050, 1), &places) == 0);
    symbols_close(symbols);
}

static void expect_jit(const char *name, const char *brief, bool own)
{
    char to[400];
    cr_expect(short_jit(to, name) == own, "%s", name);
    cr_expect_str_eq(to, brief);
}

Test(symbols, names_of_code_made_at_run_time_are_short)
{
    expect_jit("JS:~remember /srv/my app/leak.js:3:18", "remember leak.js:3", true);
    expect_jit("JS:*get size file:///srv/a.mjs:10:2", "get size a.mjs:10", true);
    expect_jit("Eval:~ /srv/leak.js:1:1", "(script) leak.js:1", true);
    expect_jit("JS:^alloc node:buffer:363:30", "alloc node:buffer:363", false);
    expect_jit("JS:~ node:internal/streams/end-of-stream:1:1",
               "(script) node:internal/streams/end-of-stream:1", false);
    expect_jit("py::Cache.grow:/srv/a.py", "Cache.grow a.py", true);
    expect_jit("py::<module>:/usr/lib/python3.12/json/__init__.py", "<module> __init__.py", false);
    expect_jit("py::_call:<frozen importlib._bootstrap>", "_call <frozen importlib._bootstrap>",
               false);
    expect_jit("JS:~f /a.js:1:2 or JS:~g node:fs:3:4", "f a.js:1 or g node:fs:3", false);
    expect_jit("Builtin:ArrayMap", "Builtin:ArrayMap", false);
    static const char *const odd[] = {
        "",     "JS:",   "JS:~",  "JS: ", "JS:~a b",     "JS:~a :",  "JS:a /:", "JS:a /b:c/d",
        "py::", "py:::", "py::a", " or ", "JS:a or JS:", "x or py::"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char to[64];
        short_jit(to, odd[i]);
        cr_expect_leq(strlen(to), 2 * strlen(odd[i]) + 15);
    }
}

Test(symbols, modules_come_and_go)
{
    struct symbols *symbols = symbols_open(NULL);
    symbols_add_module(symbols, 0x10000, 0x1000, "/none/a.so", "", 0, 10);
    symbols_add_module(symbols, 0x10800, 0x1000, "/none/b.so", NULL, 10, 20);
    symbols_add_module(symbols, 0x10000, 0x1000, "/none/c.so", "", 15, UINT64_MAX);
    symbols_add_module(symbols, 0x8000, 0x100000, NULL, NULL, 30, 31);
    symbols_add_jit(symbols, 0x10000, 0x1000, "jit");
    expect_name(symbols, 0x10900, 9, SYMBOL_ADDRESS, "a.so+0x900");
    expect_name(symbols, 0x10900, 10, SYMBOL_ADDRESS, "b.so+0x100");
    expect_name(symbols, 0x10900, 16, SYMBOL_ADDRESS, "c.so+0x900");
    expect_name(symbols, 0x11100, 16, SYMBOL_ADDRESS, "b.so+0x900");
    expect_name(symbols, 0x11100, 20, SYMBOL_ADDRESS, "0x11100");
    expect_name(symbols, 0x10010, 12, SYMBOL_JIT, "jit");
    expect_name(symbols, 0x90000, 30, SYMBOL_ADDRESS, "+0x88000");
    expect_name(symbols, 0x90000, 31, SYMBOL_ADDRESS, "0x90000");
    cr_expect(symbols_modules(symbols) == 4);
    const struct symbols_module *a = symbols_module_at(symbols, 0);
    cr_expect(a->lacks == SYMBOLS_NO_FILE && a->asked == 1 && a->nameless == 1);
    cr_expect_str_eq(symbols_problem(a), "not there (No such file or directory): no names");
    cr_expect_str_eq(symbols_problem(symbols_module_at(symbols, 3)),
                     "not there (the process had no name for it): no names");
    symbols_close(symbols);
}

/* -- files
 * ----------------------------------------------------------------------------------------- */

static const struct symbols_module *lacking(struct symbols **symbols, const char *path,
                                            const char *id, uint64_t bytes)
{
    *symbols = symbols_open("/none");
    symbols_add_module(*symbols, 0x10000, bytes, path, id, ALWAYS);
    cr_expect_not(symbols_find(*symbols, 0x10800, 1)->named);
    return symbols_module_at(*symbols, 0);
}

static void file_write(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0);
}

Test(symbols, files_that_are_no_modules_are_told)
{
    char path[SCRATCH_PATH_MAX];
    struct symbols *symbols;
    scratch_path(path, "no-module");
    file_write(path, "#!/bin/sh\n", 10);
    const struct symbols_module *module = lacking(&symbols, path, "ab12", 0x1000);
    cr_expect(module->lacks == SYMBOLS_UNREADABLE);
    cr_expect_str_eq(symbols_problem(module), "cannot be read (it is not an ELF file): no names");
    symbols_close(symbols);

    file_write(path, "\177ELF\2\1\1", 7);
    module = lacking(&symbols, path, "", 0x1000);
    cr_expect_str_eq(symbols_problem(module), "cannot be read (it is cut short): no names");
    symbols_close(symbols);

    file_write(path, "", 0);
    module = lacking(&symbols, path, "", 0x1000);
    cr_expect_str_eq(symbols_problem(module), "cannot be read (it is empty): no names");
    symbols_close(symbols);
    unlink(path);

    cr_assert(mkfifo(path, 0600) == 0);
    module = lacking(&symbols, path, "", 0x1000);
    cr_expect_str_eq(symbols_problem(module), "cannot be read (it is no plain file): no names");
    symbols_close(symbols);
    unlink(path);
}

__attribute__((noinline)) void test_function(int n);
void test_function(int n)
{
    cr_expect(n == 1);
}

/* This program itself: by its build id, by another, by none and other segments. */
Test(symbols, a_file_of_another_build_gives_no_name)
{
    struct module own = {.about = {.path = strdup("/proc/self/exe"), .build_id = strdup("")}};
    struct symbols *symbols;
    module_open(&own, "/none");
    uint64_t end = image_end(&own.file.image), start = 0;
    for (size_t i = 0; i < own.nfunctions; i++)
        if (strcmp(own.functions[i].symbol, "test_function") == 0)
            start = own.functions[i].start;
    cr_assert(start, "no symbol of this file's");
    test_function(1);

    const struct symbols_module *module = lacking(&symbols, "/proc/self/exe", "00ab12cd34", end);
    cr_expect(module->lacks == SYMBOLS_CHANGED);
    cr_expect(strncmp(symbols_problem(module),
                      "changed since the recording (build id 00ab12cd then, ", 53) == 0,
              "%s", symbols_problem(module));
    symbols_close(symbols);
    module = lacking(&symbols, "/proc/self/exe", "", end + 0x10000);
    cr_expect(module->lacks == SYMBOLS_CHANGED);
    symbols_close(symbols);

    symbols = symbols_open("/none");
    symbols_add_module(symbols, 0x10000, end, "/proc/self/exe", own.found_id, ALWAYS);
    symbols_add_module(symbols, 0x10000000000, end, "/proc/self/exe", "", ALWAYS);
    const struct symbol *symbol = symbols_find(symbols, 0x10000 + start + 1, 1);
    cr_expect_str_eq(symbol->name, "test_function");
    cr_expect_str_eq(symbol->file, "exe");
    cr_expect(symbol->kind == SYMBOL_NAMED && symbol->start == start);
    cr_expect(symbols_module_at(symbols, 0)->lacks == (*own.found_id ? 0 : SYMBOLS_UNCHECKED));
    expect_name(symbols, 0x10000000000 + start, 1, SYMBOL_NAMED, "test_function");
    cr_expect(symbols_module_at(symbols, 1)->lacks == SYMBOLS_UNCHECKED);
    symbols_close(symbols);
    module_close(&own);
}
