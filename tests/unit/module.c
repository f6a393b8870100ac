/* The list of modules that were met: who is remembered, who is forgotten, and who is told. */
#include "unwind/module.h"

#include "../helpers/suite.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, BASE = 1 << 20 };

static unsigned told, seen;
static struct weir__module last;

static void gone(const struct weir__module *module)
{
    told++;
    last = *module;
}

static void visit(const struct weir__module *module)
{
    seen++;
    last = *module;
}

/* `pages` of them from the n-th on. */
static struct weir__module module(uintptr_t n, uintptr_t pages)
{
    return (struct weir__module){
        .start = BASE + n * PAGE, .end = BASE + (n + pages) * PAGE, .bias = pages};
}

static bool remember(struct weir__module m)
{
    told = 0;
    return weir__module_remember(&m, gone);
}

static unsigned count(void)
{
    seen = 0;
    weir__modules_each(visit);
    return seen;
}

static void setup(void)
{
    weir__modules_forget();
}

TestSuite(module, .init = setup);

Test(module, an_address_is_of_this_program_or_of_nobody)
{
    struct weir__module found;
    cr_assert(weir__module_find((uintptr_t)&setup, &found));
    cr_expect(found.start <= (uintptr_t)&setup && (uintptr_t)&setup < found.end);
    cr_assert(weir__module_find((uintptr_t)&strtol, &found));
    cr_expect_not(weir__module_find(PAGE, &found));
}

Test(module, each_is_remembered_once)
{
    cr_expect_eq(count(), 0);
    cr_expect(remember(module(0, 2)));
    cr_expect_not(remember(module(0, 2)));
    cr_expect_eq(told, 0);
    cr_expect(remember(module(2, 1)), "next to it");
    cr_expect_eq(told, 0);
    cr_expect_eq(count(), 2);
    weir__modules_forget();
    cr_expect_eq(count(), 0);
}

/* Another one at these addresses: those that lay there have gone. */
Test(module, who_lies_where_others_were_replaces_them)
{
    for (uintptr_t n = 0; n < 4; n++)
        cr_assert(remember(module(n, 1)));
    cr_expect(remember(module(1, 2)));
    cr_expect_eq(told, 2);
    cr_expect_eq(count(), 3);
    struct weir__module same_place = module(3, 1);
    same_place.bias = 5;
    cr_expect(remember(same_place));
    cr_expect_eq(told, 1);
    cr_expect_eq(last.start, same_place.start);
    cr_expect_eq(last.bias, 1);
    same_place.path = "other";
    cr_expect(remember(same_place));
    cr_expect_eq(told, 1);
    cr_expect_eq(last.bias, 5);
    same_place.table = &same_place;
    cr_expect(remember(same_place));
    cr_expect_eq(told, 1);
    cr_expect_null(last.table);
    cr_expect_str_eq(last.path, "other");
    cr_expect_eq(count(), 3);
}

Test(module, more_than_there_is_room_for_are_not_remembered)
{
    for (uintptr_t n = 0; n < WEIR__MODULES_MOST; n++)
        cr_assert(remember(module(n, 1)));
    cr_expect_not(remember(module(WEIR__MODULES_MOST, 1)));
    cr_expect_eq(told, 0);
    cr_expect_eq(count(), WEIR__MODULES_MOST);
    cr_expect(remember(module(7, 2)), "there is room when two have gone");
    cr_expect_eq(told, 2);
    cr_expect(remember(module(WEIR__MODULES_MOST, 1)));
    cr_expect_eq(count(), WEIR__MODULES_MOST);
}

Test(module, those_that_the_loader_has_no_more_are_told)
{
    struct weir__module own;
    cr_assert(weir__module_find((uintptr_t)&strtol, &own));
    cr_assert(remember(own));
    cr_assert(remember(module(0, 1)));
    struct weir__module moved;
    cr_assert(weir__module_find((uintptr_t)&setup, &moved));
    moved.bias++;
    cr_assert(remember(moved));
    told = 0;
    weir__modules_check(gone);
    cr_expect_eq(told, 2);
    cr_expect_eq(count(), 1);
    cr_expect_eq(last.start, own.start);
    weir__modules_check(gone);
    cr_expect_eq(told, 2);
}
