/*
 * One misuse of malloc a run, and whether the allocator carried it through: `crimes NAME SIZE`,
 * where SIZE is that of the blocks in bytes; `crimes --list` prints the names. Run under the
 * allocator in question by tests/targets/check-security.
 *
 * Ends with status 0 and the word "carried" if nothing stopped it, and with status 3 and "held" if
 * the allocator's answer makes the misuse harmless (no block, another address, zeros). A process
 * that ends by a signal was stopped.
 *
 * What is overwritten has bits changed, so that whatever lies there is different afterwards. Calls
 * go through volatile pointers, and blocks through volatile bytes: the compiler knows nothing.
 */
#include <alloca.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define KIB   ((size_t)1024)
#define MIB   (1024 * KIB)
#define GIB   (1024 * MIB)
#define PAIRS 262144
#define MANY  1024

enum outcome { CARRIED = 0, HELD = 3 };

typedef volatile unsigned char byte;

static void *(*volatile take)(size_t) = malloc;
static void *(*volatile take_again)(void *, size_t) = realloc;
static void (*volatile give)(void *) = free;
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;

static size_t size;
static volatile unsigned seen;

/* A block whose bytes are all written. */
static byte *block_take(void)
{
    byte *block = take(size);
    if (!block)
        exit(2);
    for (size_t i = 0; i < size; i++)
        block[i] = 0x5c;
    return block;
}

static void block_give(byte *block)
{
    give((void *)block);
}

static void pair(void)
{
    block_give(block_take());
}

/* -- double frees ------------------------------------------------------------------------- */

static enum outcome double_free(void)
{
    byte *p = block_take();
    block_give(p);
    block_give(p);
    return CARRIED;
}

static enum outcome double_free_between(void)
{
    byte *p = block_take(), *q = block_take();
    block_give(p);
    block_give(q);
    block_give(p);
    return CARRIED;
}

static enum outcome double_free_reused(void)
{
    byte *p = block_take();
    block_give(p);
    byte *q = block_take();
    block_give(p);
    block_give(q);
    return CARRIED;
}

static enum outcome double_free_late(void)
{
    byte *p = block_take();
    block_give(p);
    for (int i = 0; i < MANY; i++)
        pair();
    block_give(p);
    return CARRIED;
}

static enum outcome double_free_owners(void)
{
    byte *p = block_take();
    block_give(p);
    block_give(p);
    for (int i = 0; i < PAIRS; i++) {
        byte *a = take(size), *b = take(size);
        if (a && a == b)
            return CARRIED;
        block_give(a);
        block_give(b);
    }
    return HELD;
}

/* -- invalid frees ------------------------------------------------------------------------ */

static enum outcome free_stack(void)
{
    unsigned char here[64];
    here[0] = (unsigned char)size;
    give(here);
    seen = here[0];
    return CARRIED;
}

static enum outcome free_alloca(void)
{
    unsigned char *here = alloca(size);
    here[0] = 1;
    give(here);
    seen = here[0];
    return CARRIED;
}

static enum outcome free_next_byte(void)
{
    block_give(block_take() + 1);
    return CARRIED;
}

static enum outcome free_odd(void)
{
    byte *p = block_take();
    for (size_t i = 1; i < 16; i += 2)
        block_give(p + i);
    return CARRIED;
}

static enum outcome free_page_on(void)
{
    block_give(block_take() + 4 * KIB);
    return CARRIED;
}

static enum outcome free_far_on(void)
{
    block_give(block_take() + GIB);
    return CARRIED;
}

static enum outcome free_no_block(void)
{
    give((void *)(uintptr_t)0x7ff01230); // NOLINT(performance-no-int-to-ptr)
    return CARRIED;
}

/* -- overflows and underflows, looked for at the free --------------------------------------- */

static void change(byte *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        from[i] ^= 0xff;
}

/* From the block downwards. */
static void change_below(byte *end, size_t count)
{
    for (size_t i = 1; i <= count; i++)
        end[-(ptrdiff_t)i] ^= 0xff;
}

/* By one copy. */
static void change_by_copy(byte *from, size_t count)
{
    static unsigned char changed[MIB];
    copy(changed, (const void *)from, count);
    for (size_t i = 0; i < count; i++)
        changed[i] ^= 0xff;
    copy((void *)from, changed, count);
}

static enum outcome over(size_t count, void (*way)(byte *, size_t))
{
    byte *p = block_take();
    way(p + size, count);
    block_give(p);
    return CARRIED;
}

static enum outcome under_by_copy(size_t count)
{
    byte *p = block_take();
    change_by_copy(p - count, count);
    block_give(p);
    return CARRIED;
}

static enum outcome under_by_store(size_t count)
{
    byte *p = block_take();
    change_below(p, count);
    block_give(p);
    return CARRIED;
}

static enum outcome over_1_store(void)
{
    return over(1, change);
}

static enum outcome over_32_store(void)
{
    return over(32, change);
}

static enum outcome over_mib_store(void)
{
    return over(MIB, change);
}

static enum outcome over_1_copy(void)
{
    return over(1, change_by_copy);
}

static enum outcome over_32_copy(void)
{
    return over(32, change_by_copy);
}

static enum outcome over_mib_copy(void)
{
    return over(MIB, change_by_copy);
}

static enum outcome under_1_store(void)
{
    return under_by_store(1);
}

static enum outcome under_32_store(void)
{
    return under_by_store(32);
}

static enum outcome under_mib_store(void)
{
    return under_by_store(MIB);
}

static enum outcome under_1_copy(void)
{
    return under_by_copy(1);
}

static enum outcome under_32_copy(void)
{
    return under_by_copy(32);
}

static enum outcome under_mib_copy(void)
{
    return under_by_copy(MIB);
}

/* -- after the free ----------------------------------------------------------------------- */

static enum outcome write_after_free(void)
{
    byte *p = block_take();
    block_give(p);
    change(p, size);
    return CARRIED;
}

static enum outcome write_after_free_late(void)
{
    byte *p = block_take();
    block_give(p);
    change(p, size);
    for (int i = 0; i < PAIRS; i++)
        give(take(size));
    return CARRIED;
}

static enum outcome read_after_free(void)
{
    byte *p = block_take();
    block_give(p);
    unsigned left = 0;
    for (size_t i = 0; i < size; i++)
        left |= p[i];
    return left ? CARRIED : HELD;
}

/* -- re-use ------------------------------------------------------------------------------- */

static enum outcome same_again(void)
{
    byte *p = block_take();
    block_give(p);
    return take(size) == p ? CARRIED : HELD;
}

static enum outcome half_again(void)
{
    byte *p = block_take();
    block_give(p);
    return take(size / 2) == p ? CARRIED : HELD;
}

static enum outcome resized_in_place(void)
{
    byte *p = block_take();
    return take_again((void *)p, size) == p ? CARRIED : HELD;
}

/* -- blocks of no bytes --------------------------------------------------------------------- */

static enum outcome empty_read(void)
{
    byte *p = take(0);
    seen = p[0];
    return CARRIED;
}

static enum outcome empty_read_free(void)
{
    byte *p = take(0);
    seen = p[0];
    block_give(p);
    return CARRIED;
}

static enum outcome empty_write(void)
{
    byte *p = take(0);
    p[0] = 1;
    return CARRIED;
}

static enum outcome empty_write_free(void)
{
    byte *p = take(0);
    p[0] = 1;
    block_give(p);
    return CARRIED;
}

/* -- the rest ------------------------------------------------------------------------------ */

static enum outcome executable(void)
{
#if defined(__x86_64__)
    byte *p = block_take();
    void (*code)(void);
    p[0] = 0xc3; /* ret */
    memcpy(&code, &p, sizeof code);
    code();
    return CARRIED;
#elif defined(__aarch64__)
    byte *p = block_take();
    uint32_t ret = 0xd65f03c0;
    void (*code)(void);
    copy((void *)p, &ret, sizeof ret);
    __builtin___clear_cache((char *)p, (char *)p + sizeof ret);
    memcpy(&code, &p, sizeof code);
    code();
    return CARRIED;
#else
    return HELD;
#endif
}

static enum outcome much_too_large(void)
{
    return take(SIZE_MAX - 1) ? CARRIED : HELD;
}

static enum outcome not_zero(void)
{
    static byte *blocks[MANY];
    for (int i = 0; i < MANY; i++)
        blocks[i] = block_take();
    for (int i = 0; i < MANY; i++)
        block_give(blocks[i]);
    byte *p = take(size);
    unsigned left = 0;
    for (size_t i = 0; i < size; i++)
        left |= p[i];
    return left ? CARRIED : HELD;
}

static const struct {
    const char *name;
    enum outcome (*commit)(void);
} crimes[] = {
    {"double-free", double_free},
    {"double-free-between", double_free_between},
    {"double-free-reused", double_free_reused},
    {"double-free-late", double_free_late},
    {"double-free-owners", double_free_owners},
    {"free-stack", free_stack},
    {"free-alloca", free_alloca},
    {"free-next-byte", free_next_byte},
    {"free-odd", free_odd},
    {"free-page-on", free_page_on},
    {"free-far-on", free_far_on},
    {"free-no-block", free_no_block},
    {"over-1-store", over_1_store},
    {"over-32-store", over_32_store},
    {"over-1MiB-store", over_mib_store},
    {"over-1-copy", over_1_copy},
    {"over-32-copy", over_32_copy},
    {"over-1MiB-copy", over_mib_copy},
    {"under-1-store", under_1_store},
    {"under-32-store", under_32_store},
    {"under-1MiB-store", under_mib_store},
    {"under-1-copy", under_1_copy},
    {"under-32-copy", under_32_copy},
    {"under-1MiB-copy", under_mib_copy},
    {"write-after-free", write_after_free},
    {"write-after-free-late", write_after_free_late},
    {"read-after-free", read_after_free},
    {"same-again", same_again},
    {"half-again", half_again},
    {"resized-in-place", resized_in_place},
    {"empty-read", empty_read},
    {"empty-read-free", empty_read_free},
    {"empty-write", empty_write},
    {"empty-write-free", empty_write_free},
    {"executable", executable},
    {"much-too-large", much_too_large},
    {"not-zero", not_zero},
};
#define CRIMES (sizeof crimes / sizeof *crimes)

_Static_assert(CRIMES == 37, "the kinds of docs/internals/hardening.md");

/* No stdio for the answer: its buffer would be one more block. */
static int answer(enum outcome outcome)
{
    const char *said = outcome == CARRIED ? "carried\n" : "held\n";
    fputs(said, stderr);
    return outcome;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        for (size_t i = 0; i < CRIMES; i++)
            puts(crimes[i].name);
        return 0;
    }
    if (argc != 3 || (size = strtoull(argv[2], NULL, 0)) < 1)
        return 2;
    for (size_t i = 0; i < CRIMES; i++)
        if (!strcmp(argv[1], crimes[i].name))
            return answer(crimes[i].commit());
    return 2;
}
