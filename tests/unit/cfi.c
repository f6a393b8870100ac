/* Rules out of tables that are made here, byte by byte: what compilers write, and what is damaged.
 */
#include "unwind/cfi.h"
#include "../helpers/suite.h"
#include "unwind/registers.h"

#include <string.h>

enum { ROOM = 4096, CODE = 2048, FUNCTION = 64 };

static struct table {
    unsigned char bytes[ROOM]; /* header, CIE, FDE; the function's code from CODE on */
    size_t n;
    struct weir__module module;
} table;

static void put(const void *bytes, size_t n)
{
    memcpy(table.bytes + table.n, bytes, n);
    table.n += n;
}

static void put_fixed(uint64_t value, size_t n)
{
    put(&value, n);
}

/* What is put from `at` on is an entry of its own. */
static void entry_close(size_t at)
{
    while (table.n % 4)
        put_fixed(0, 1); /* DW_CFA_nop */
    uint32_t length = (uint32_t)(table.n - at - 4);
    memcpy(table.bytes + at, &length, 4);
}

/* One function, whose frame begins 16 bytes above the stack pointer, its return address 8 below
 * that; the CIE has this augmentation. */
static void table_make(const char *augmentation)
{
    memset(&table, 0, sizeof table);
    uintptr_t start = (uintptr_t)table.bytes;
    put("\x01\x1b\xff\xff", 4); /* frames: relative to here, 4 bytes; no table of functions */
    put_fixed(4, 4);
    size_t cie = table.n;
    put_fixed(0, 8); /* its length, and 0 */
    put_fixed(1, 1);
    put(augmentation, strlen(augmentation) + 1);
    put("\x01\x78", 2); /* code by 1, data by -8 */
    put_fixed((uint64_t)WEIR__DWARF_RA, 1);
    put_fixed(strlen(augmentation) & 0x7f, 1); /* bytes of the augmentation; all are encodings */
    for (size_t i = 0; i < (strlen(augmentation) & 0x7f); i++)
        put_fixed(0x1b, 1);
    unsigned char program[] = {0x0c, (unsigned char)WEIR__DWARF_SP, 16,
                               0x05, (unsigned char)WEIR__DWARF_RA, 1};
    put(program, sizeof program);
    entry_close(cie);
    size_t fde = table.n;
    put_fixed(0, 4);
    put_fixed(table.n - cie, 4);
    put_fixed((uint64_t)(uint32_t)(CODE - table.n), 4);
    put_fixed(FUNCTION, 4);
    put_fixed(0, 1);
    entry_close(fde);
    table.module = (struct weir__module){
        .start = start, .end = start + ROOM, .path = "", .table = table.bytes};
}

static struct weir__rule rule_at(size_t at)
{
    return weir__cfi_rule(&table.module, (uintptr_t)table.bytes + at);
}

Test(cfi, a_function_has_the_rule_that_its_table_says)
{
    table_make("zR");
#if defined(__x86_64__) || defined(__aarch64__)
    cr_expect_eq(rule_at(CODE).frame, WEIR__RULE_SP);
    cr_expect_eq(rule_at(CODE).frame_by, 16);
    cr_expect_eq(rule_at(CODE + FUNCTION - 1).ra, WEIR__RULE_AT_FRAME);
    cr_expect_eq(rule_at(CODE).ra_by, -8);
#endif
    cr_expect_eq(rule_at(CODE - 1).frame, WEIR__RULE_CHAIN);
    cr_expect_eq(rule_at(CODE + FUNCTION).frame, WEIR__RULE_CHAIN);
}

/* Failed before: it was read as a number of so many bytes, over the stack. */
Test(cfi, an_augmentation_may_be_long)
{
    char long_one[1200] = "z";
    memset(long_one + 1, 'B', sizeof long_one - 2);
    table_make(long_one);
    cr_expect_neq(rule_at(CODE).frame, 0);
    memset(table.bytes + 16, 'B', ROOM - 16); /* and one that never ends */
    cr_expect_neq(rule_at(CODE).frame, 0);
}

Test(cfi, whatever_byte_is_damaged_there_is_a_rule)
{
    for (size_t i = 0; i < 80; i++)
        for (unsigned value = 0; value < 256; value++) {
            table_make("zR");
            table.bytes[i] = (unsigned char)value;
            cr_assert_leq(rule_at(CODE).frame, WEIR__RULE_SIGNAL, "byte %zu, %u", i, value);
        }
}
