/* The library that runs is the one the header describes, and it allocates. */
#include "../helpers/suite.h"

#include <stdio.h>
#include <weir/weir.h>

Test(version, library_and_header_agree)
{
    cr_assert_str_eq(weir_version(), WEIR_VERSION);
    cr_assert_eq(weir_version_number(), WEIR_VERSION_NUMBER);
}

Test(version, text_and_number_agree)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR,
             WEIR_VERSION_PATCH);
    cr_assert_str_eq(weir_version(), text);
}

Test(version, first_allocation_is_counted_exactly)
{
    weir_allocator *cpu = weir_cpu_allocator();
    void *block = weir_allocate(cpu, 100);
    cr_assert_not_null(block);
    cr_assert_eq((uintptr_t)block % WEIR_DEFAULT_ALIGNMENT, 0);
    cr_assert_eq(weir_total_allocated(cpu), 100);
    cr_assert_eq(weir_allocation_count(cpu), 1);
    weir_deallocate(cpu, block);
    cr_assert_eq(weir_total_allocated(cpu), 0);
    cr_assert_eq(weir_peak_allocated(cpu), 100);
}
