/*
 * tests/helpers/cxx.h - what the programs of weir.hpp share: looking, failures as numbers, and that
 * each test leaves nothing in the CPU allocator. Compiles for both ways of errors.
 */
#ifndef TEST_CXX_H
#define TEST_CXX_H

#include <weir/weir.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <string>
#include <system_error>

#define EXPECT(x)                                                                                  \
    ((x) ? (void)0 : (std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x), std::exit(1)))

static weir::CPUAllocator *const cpu = weir::CPUAllocator::get_instance();

/* The errno value that `call` fails with, by an exception or by last_error(); 0. */
template <class Call> static int error_of(Call call)
{
    weir::clear_error();
#if WEIR_CXX_EXCEPTIONS
    try {
        call();
    } catch (const std::bad_alloc &) {
        EXPECT(weir::last_error() == ENOMEM);
        return ENOMEM;
    } catch (const std::system_error &e) {
        EXPECT(e.what()[0] != 0 && weir::last_error() == e.code().value());
        return e.code().value();
    }
    EXPECT(weir::last_error() == 0);
    return 0;
#else
    call();
    EXPECT(weir::last_error() == 0 || weir::last_error_text()[0] != 0);
    return weir::last_error();
#endif
}

/* Each in turn, after which nothing is live. */
static int run(std::initializer_list<void (*)()> tests)
{
    for (auto test : tests) {
        test();
        EXPECT(cpu->total_allocated() == 0);
        EXPECT(cpu->allocation_count() == 0);
    }
    return 0;
}

#endif
