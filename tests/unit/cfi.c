/* Rules out of tables that are made here, byte by byte: what compilers write, and what is damaged.
 */
#include "unwind/cfi.h"
#include "../helpers/suite.h"
#include "unwind/registers.h"

#include <string.h>

enum { ROOM = 4096, CODE = 2048, FUNCTION = 64 };

static struct table {
    _Alignas(16) unsigned char bytes[ROOM]; /* header, CIE, FDE; the function's code from CODE on */
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
static size_t cie_put(const char *augmentation)
{
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
    return cie;
}

/* The function at `code`, with this program behind that of its CIE. */
static size_t fde_put(size_t cie, size_t code, const void *program, size_t n)
{
    size_t fde = table.n;
    put_fixed(0, 4);
    put_fixed(table.n - cie, 4);
    put_fixed((uint64_t)(uint32_t)(code - table.n), 4);
    put_fixed(FUNCTION, 4);
    put_fixed(0, 1);
    put(program, n);
    entry_close(fde);
    return fde;
}

static void table_begin(const char header[4])
{
    uintptr_t start = (uintptr_t)table.bytes;
    memset(&table, 0, sizeof table);
    table.module = (struct weir__module){
        .start = start, .end = start + ROOM, .path = "", .table = table.bytes};
    put(header, 4);
}

static void table_of(const char *augmentation, const void *program, size_t n)
{
    table_begin("\x01\x1b\xff\xff"); /* frames: relative to here, 4 bytes; no table of functions */
    put_fixed(4, 4);
    size_t cie = cie_put(augmentation);
    fde_put(cie, CODE, program, n);
}

static void table_make(const char *augmentation)
{
    table_of(augmentation, "", 0);
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

#if defined(__x86_64__) || defined(__aarch64__)

enum { SP = WEIR__DWARF_SP, FP = WEIR__DWARF_FP, RA = WEIR__DWARF_RA, BY = 0x70 };

static struct weir__rule rule_by(const unsigned char *program, size_t n, size_t at)
{
    table_of("zR", program, n);
    return rule_at(CODE + at);
}

/* The rule at the function's start, when its own program is these bytes. */
#define RULE(...) RULE_AT(0, __VA_ARGS__)
#define RULE_AT(at, ...)                                                                           \
    rule_by((const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__}), at)

#define EXPECT_FRAME(rule, kind, number)                                                           \
    do {                                                                                           \
        struct weir__rule got_ = rule;                                                             \
        cr_expect_eq(got_.frame, kind, "%s: %u", #rule, got_.frame);                               \
        cr_expect_eq(got_.frame_by, number, "%s: %d", #rule, got_.frame_by);                       \
    } while (0)
#define EXPECT_CUT(...) EXPECT_FRAME(RULE(__VA_ARGS__), WEIR__RULE_CUT, 0)
/* The stack pointer and the number that these bytes leave. */
#define EXPECT_NUMBER(number, ...)                                                                 \
    do {                                                                                           \
        const unsigned char of_[] = {BY + SP, 0, __VA_ARGS__, 0x22};                               \
        unsigned char all_[sizeof of_ + 2] = {0x0f, sizeof of_};                                   \
        memcpy(all_ + 2, of_, sizeof of_);                                                         \
        struct weir__rule got_ = rule_by(all_, sizeof all_, 0);                                    \
        cr_expect_eq(got_.frame, WEIR__RULE_SP, "%s: %u", #__VA_ARGS__, got_.frame);               \
        cr_expect_eq(got_.frame_by, number, "%s: %d", #__VA_ARGS__, got_.frame_by);                \
    } while (0)

Test(cfi, a_frame_may_be_said_by_an_expression)
{
    EXPECT_FRAME(RULE(0x0f, 4, BY + SP, 8, 0x23, 8), WEIR__RULE_SP, 16);
    EXPECT_FRAME(RULE(0x0f, 2, BY + FP, 0x70), WEIR__RULE_FP, -16);
    EXPECT_FRAME(RULE(0x0f, 3, BY + FP, 8, 0x06), WEIR__RULE_DEREF, 8);
    EXPECT_FRAME(RULE(0x0f, 4, 0x33, BY + SP, 8, 0x22), WEIR__RULE_SP, 11);
}

Test(cfi, expressions_count)
{
    EXPECT_NUMBER(1, 0x33, 0x35, 0x1a);       /* 3 & 5 */
    EXPECT_NUMBER(2, 0x35, 0x33, 0x1c);       /* 5 - 3 */
    EXPECT_NUMBER(48, 0x33, 0x34, 0x24);      /* 3 << 4 */
    EXPECT_NUMBER(0, 0x33, 0x08, 63, 0x24);   /* by too much */
    EXPECT_NUMBER(0, 0x33, 0x09, 0xff, 0x24); /* by less than nothing */
    EXPECT_NUMBER(1, 0x35, 0x33, 0x2a);       /* 5 >= 3 */
    EXPECT_NUMBER(0, 0x33, 0x35, 0x2a);       /* 3 >= 5 */
    EXPECT_NUMBER(31, 0x4f);                  /* the last literal */
    EXPECT_NUMBER(255, 0x08, 0xff);           /* one byte, without sign and with it */
    EXPECT_NUMBER(-1, 0x09, 0xff);
    EXPECT_NUMBER(0xfffe, 0x0a, 0xfe, 0xff); /* two */
    EXPECT_NUMBER(-2, 0x0b, 0xfe, 0xff);
    EXPECT_NUMBER(0x01020304, 0x0c, 4, 3, 2, 1); /* four */
    EXPECT_NUMBER(-3, 0x0d, 0xfd, 255, 255, 255);
    EXPECT_NUMBER(7, 0x0e, 7, 0, 0, 0, 0, 0, 0, 0); /* eight */
    EXPECT_NUMBER(-1, 0x0f, 255, 255, 255, 255, 255, 255, 255, 255);
    EXPECT_NUMBER(9, 0x34, 0x23, 5); /* 4 + 5 */
}

/* Neither of a register that no rule has, nor of what is in memory. */
Test(cfi, expressions_that_are_no_rule_cut)
{
    EXPECT_CUT(0x0f, 0);                                              /* leaves nothing */
    EXPECT_CUT(0x0f, 1, 0x35);                                        /* a number */
    EXPECT_CUT(0x0f, 2, BY + 3, 0);                                   /* another register */
    EXPECT_CUT(0x0f, 3, BY + SP, 8, 0x06);                            /* what lies at sp */
    EXPECT_CUT(0x0f, 4, BY + FP, 8, 0x06, 0x06);                      /* memory twice */
    EXPECT_CUT(0x0f, 5, BY + FP, 8, 0x06, 0x23, 8);                   /* what was read, and 8 */
    EXPECT_CUT(0x0f, 5, BY + FP, 8, 0x06, 0x34, 0x22);                /* the same */
    EXPECT_CUT(0x0f, 5, 0x34, BY + FP, 8, 0x06, 0x22);                /* the same */
    EXPECT_CUT(0x0f, 5, BY + FP, 8, BY + SP, 8, 0x22);                /* two registers */
    EXPECT_CUT(0x0f, 4, BY + FP, 8, 0x34, 0x1c);                      /* fp - 4 */
    EXPECT_CUT(0x0f, 4, 0x34, BY + FP, 8, 0x1c);                      /* 4 - fp */
    EXPECT_CUT(0x0f, 5, BY + FP, 8, 0x06, 0x34, 0x1c);                /* of what was read */
    EXPECT_CUT(0x0f, 5, 0x34, BY + FP, 8, 0x06, 0x1c);                /* the same */
    EXPECT_CUT(0x0f, 3, 0x34, 0x34, 0x1e);                            /* a product */
    EXPECT_CUT(0x0f, 1, 0x1a);                                        /* of nothing */
    EXPECT_CUT(0x0f, 1, 0x06);                                        /* the same */
    EXPECT_CUT(0x0f, 1, 0x96);                                        /* no such operation */
    EXPECT_CUT(0x0f, 2, BY + SP, 0x80);                               /* ends within a number */
    EXPECT_CUT(0x0f, 9, 48, 48, 48, 48, 48, 48, 48, 48, 48);          /* too deep */
    EXPECT_CUT(0x0f, 127, BY + SP, 8);                                /* longer than the entry */
    EXPECT_CUT(0x0f, 7, BY + SP, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01); /* too far */
    EXPECT_FRAME(RULE(0x0f, 8, BY + SP, 8, 48, 48, 0x22, 0x22, 48, 0x22), /* deep enough */
                 WEIR__RULE_SP, 8);
}

#if defined(__x86_64__)
/* As linkers write it of their table of calls: from the 11th of 16 bytes on a word is pushed. */
Test(cfi, an_expression_may_ask_for_the_address)
{
    const unsigned char plt[] = {0x0f, 11,   BY + SP, 8,    BY + RA, 0,   0x3f,
                                 0x1a, 0x3b, 0x2a,    0x33, 0x24,    0x22};
    for (size_t at = 0; at < FUNCTION; at++)
        EXPECT_FRAME(rule_by(plt, sizeof plt, at), WEIR__RULE_SP, at % 16 < 11 ? 8 : 16);
}
#endif

Test(cfi, every_word_of_a_frame)
{
    EXPECT_FRAME(RULE(0x0c, FP, 24), WEIR__RULE_FP, 24);
    EXPECT_FRAME(RULE(0x0d, FP), WEIR__RULE_FP, 16);
    EXPECT_FRAME(RULE(0x0e, 32), WEIR__RULE_SP, 32);
    EXPECT_FRAME(RULE(0x12, FP, 0x7c), WEIR__RULE_FP, 32);
    EXPECT_FRAME(RULE(0x13, 0x7d), WEIR__RULE_SP, 24);
    EXPECT_FRAME(RULE(0x2e, 8, 0x2d, 0x00, 0x0e, 40), WEIR__RULE_SP, 40);
    EXPECT_FRAME(RULE(0x0a, 0x0e, 32, 0x0b), WEIR__RULE_SP, 16);
    EXPECT_FRAME(RULE(0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a), WEIR__RULE_SP, 16);
    /* The number's bits behind the 64th are none. */
    EXPECT_FRAME(RULE(0x0e, 0x88, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1), WEIR__RULE_SP,
                 8);
    EXPECT_FRAME(RULE(0x13, 0x81, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0x40), WEIR__RULE_SP,
                 -8);
    EXPECT_CUT(0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a);
    EXPECT_CUT(0x0b);
    EXPECT_CUT(0x17);
    EXPECT_CUT(0x3f);
    EXPECT_CUT(0x0c, 3, 8);                               /* by another register */
    EXPECT_CUT(0x0e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01); /* too far */
}

Test(cfi, a_program_says_from_where_on)
{
    static const unsigned char by_code[] = {0x44, 0x0e, 32,   0x02, 4, 0x0e, 40, 0x03, 4,  0,
                                            0x0e, 48,   0x04, 4,    0, 0,    0,  0x0e, 56, 0x2d};
    static const int expected[] = {16, 32, 40, 48, 56};
    for (size_t at = 0; at < 20; at++)
        EXPECT_FRAME(rule_by(by_code, sizeof by_code, at), WEIR__RULE_SP, expected[at / 4]);
    /* An address: 8 bytes into the function, relative to where it is written. */
    unsigned char by_address[] = {0x01, 0, 0, 0, 0, 0x0e, 64};
    table_of("zR", by_address, sizeof by_address);
    size_t place = 0;
    while (memcmp(table.bytes + place, by_address, sizeof by_address) != 0)
        cr_assert_lt(++place, ROOM - sizeof by_address);
    int32_t distance = (int32_t)(CODE + 8 - (place + 1));
    memcpy(table.bytes + place + 1, &distance, 4);
    EXPECT_FRAME(rule_at(CODE + 7), WEIR__RULE_SP, 16);
    EXPECT_FRAME(rule_at(CODE + 8), WEIR__RULE_SP, 64);
}

#define EXPECT_FP(how, number, ...)                                                                \
    do {                                                                                           \
        struct weir__rule got_ = RULE(__VA_ARGS__);                                                \
        cr_expect_eq(got_.frame, WEIR__RULE_SP, "%s: %u", #__VA_ARGS__, got_.frame);               \
        cr_expect_eq(got_.fp, how, "%s: %u", #__VA_ARGS__, got_.fp);                               \
        cr_expect_eq(got_.fp_by, number, "%s: %d", #__VA_ARGS__, got_.fp_by);                      \
    } while (0)

Test(cfi, every_word_of_a_register)
{
    EXPECT_FP(WEIR__RULE_KEPT, 0, 0x00);
    EXPECT_FP(WEIR__RULE_AT_FRAME, -16, 0x80 | FP, 2);
    EXPECT_FP(WEIR__RULE_AT_FRAME, -16, 0x05, FP, 2);
    EXPECT_FP(WEIR__RULE_AT_FRAME, 8, 0x11, FP, 0x7f);
    EXPECT_FP(WEIR__RULE_AT_FRAME, 16, 0x2f, FP, 2);
    EXPECT_FP(WEIR__RULE_KEPT, 0, 0x80 | FP, 2, 0xc0 | FP);
    EXPECT_FP(WEIR__RULE_KEPT, 0, 0x80 | FP, 2, 0x06, FP);
    EXPECT_FP(WEIR__RULE_KEPT, 0, 0x80 | FP, 2, 0x08, FP);
    EXPECT_FP(WEIR__RULE_KEPT, 0, 0x80 | FP, 2, 0x07, FP);
    EXPECT_FP(WEIR__RULE_AT_FP, 8, 0x10, FP, 2, BY + FP, 8);
    EXPECT_FP(WEIR__RULE_LOST, 0, 0x10, FP, 2, BY + SP, 8);
    EXPECT_FP(WEIR__RULE_LOST, 0, 0x10, FP, 3, BY + FP, 8, 0x06);
    EXPECT_FP(WEIR__RULE_LOST, 0, 0x09, FP, 3);
    EXPECT_FP(WEIR__RULE_LOST, 0, 0x14, FP, 2);
    EXPECT_FP(WEIR__RULE_LOST, 0, 0x15, FP, 2);
    EXPECT_FP(WEIR__RULE_LOST, 0, 0x16, FP, 2, BY + FP, 8);
    EXPECT_CUT(0x05, FP, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01); /* too far */
    EXPECT_CUT(0x05, RA, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01);
    EXPECT_CUT(0x09, RA, 3);
    EXPECT_FRAME(RULE(0x07, RA), WEIR__RULE_END, 0);
    cr_expect_eq(RULE(0x10, RA, 2, BY + FP, 8).ra, WEIR__RULE_AT_FP);
    cr_expect_eq(RULE(0x08, RA).frame, WEIR__HAS_LINK_REGISTER ? WEIR__RULE_SP : WEIR__RULE_CUT);
}

/* -- finding one ------------------------------------------------------------------------------- */

enum { FUNCTIONS = 5, PAIRS = 12, BETWEEN = 16 };

/* FUNCTIONS of them, BETWEEN bytes apart, and the sorted table that linkers make of them. The n-th
 * has its frame 8 * n bytes above the stack pointer. */
static void sorted_make(void)
{
    table_begin("\x01\x1b\x03\x3b");
    put_fixed(PAIRS + 8 * FUNCTIONS - 4, 4);
    put_fixed(FUNCTIONS, 4);
    table.n += (size_t)8 * FUNCTIONS;
    size_t cie = cie_put("zR");
    for (size_t i = 0; i < FUNCTIONS; i++) {
        size_t code = CODE + i * (FUNCTION + BETWEEN);
        uint32_t pair[2] = {(uint32_t)code};
        pair[1] = (uint32_t)fde_put(cie, code, (unsigned char[]){0x0e, (unsigned char)(8 * i)}, 2);
        memcpy(table.bytes + PAIRS + 8 * i, pair, sizeof pair);
    }
}

Test(cfi, a_sorted_table_is_searched)
{
    sorted_make();
    for (size_t at = 0; at < FUNCTIONS * (FUNCTION + BETWEEN); at++) {
        bool within = at % (FUNCTION + BETWEEN) < FUNCTION;
        EXPECT_FRAME(rule_at(CODE + at), within ? WEIR__RULE_SP : WEIR__RULE_CHAIN,
                     within ? 8 * (int)(at / (FUNCTION + BETWEEN)) : 0);
    }
    EXPECT_FRAME(rule_at(CODE - 1), WEIR__RULE_CHAIN, 0);
    EXPECT_FRAME(rule_at(0), WEIR__RULE_CHAIN, 0);
}

/* `n` bytes at `at` of the table that sorted_make makes: no rule is found for the first function.
 */
static void damaged(size_t at, uint64_t value, size_t n)
{
    sorted_make();
    memcpy(table.bytes + at, &value, n);
    EXPECT_FRAME(rule_at(CODE), WEIR__RULE_CHAIN, 0);
}

Test(cfi, a_damaged_table_has_no_function)
{
    const size_t cie = PAIRS + (size_t)8 * FUNCTIONS;
    sorted_make();
    uint32_t length, entry;
    memcpy(&length, table.bytes + cie, 4);
    const size_t fde = cie + 4 + length;
    memcpy(&entry, table.bytes + PAIRS + 4, 4);
    cr_assert_eq(entry, fde, "the first function's entry is behind the CIE");
    damaged(0, 2, 1);                    /* another version */
    damaged(1, 0xff, 1);                 /* it says nowhere where its frames are; none is at 0 */
    damaged(2, 0x55, 1);                 /* counted in a form that there is none of */
    damaged(8, ROOM, 4);                 /* more functions than it has room for */
    damaged(PAIRS, CODE + 1, 4);         /* the first begins later */
    damaged(PAIRS + 4, ROOM, 4);         /* an entry outside */
    damaged(PAIRS + 4, 0x7fffffff, 4);   /* far outside */
    damaged(PAIRS + 4, ROOM - 2, 4);     /* at the very end */
    damaged(fde, 0, 4);                  /* the entry is the last one */
    damaged(fde, ROOM, 4);               /* longer than the module */
    damaged(fde, 2, 4);                  /* too short for what it says */
    damaged(fde + 4, 0, 4);              /* has no CIE */
    damaged(fde + 4, fde + 400, 4);      /* a CIE outside */
    damaged(fde + 4, 4, 4);              /* itself as one */
    damaged(fde + 16, 0x7f, 1);          /* an augmentation longer than it */
    damaged(cie + 4, 1, 4);              /* the CIE is an entry of another kind */
    damaged(cie + 8, 2, 1);              /* of another version */
    damaged(cie + 9, 'y', 1);            /* with another augmentation */
    damaged(cie + 9, 'z' | 'P' << 8, 3); /* less of it than it says */
    damaged(cie + 15, 0x7f, 1);          /* more of it than there is */
}

/* Entries of 64 bits, whose length has 12 bytes. */
Test(cfi, an_entry_may_be_a_large_one)
{
    table_begin("\x01\x1b\xff\xff");
    put_fixed(4, 4);
    size_t cie = cie_put("zR");
    put_fixed(0xffffffff, 4);
    put_fixed(20, 8);
    put_fixed(table.n - cie, 4);
    put_fixed((uint64_t)(uint32_t)(CODE - table.n), 4);
    put_fixed(FUNCTION, 4);
    put_fixed(0, 1);
    put("\x0e\x48\x00\x00\x00\x00\x00", 7);
    EXPECT_FRAME(rule_at(CODE), WEIR__RULE_SP, 72);
}

Test(cfi, a_module_without_a_table_has_a_chain)
{
    table_make("zR");
    table.module.table = NULL;
    EXPECT_FRAME(rule_at(CODE), WEIR__RULE_CHAIN, 0);
}

/* A handler of signals returns into a function that says so; one for C++ says more. */
Test(cfi, augmentations)
{
    table_make("zRS");
    EXPECT_FRAME(rule_at(CODE), WEIR__RULE_SIGNAL, 0);
    table_make("zPLR");
    EXPECT_FRAME(rule_at(CODE), WEIR__RULE_CHAIN, 0); /* the P takes 5 bytes, of 3 */
    table_make("");
    cr_expect_eq(rule_at(CODE).frame, WEIR__RULE_CHAIN, "addresses of 8 bytes, of other functions");
}

#endif
