/*
 * Crimes of a program in C that is linked with libweir, against blocks: tests/misuse/crime.h says
 * how they are run.
 */
#include "crime.h"

#include <pthread.h>
#include <sys/mman.h>
#include <weir/weir.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static weir_allocator *cpu(void)
{
    return weir_cpu_allocator();
}

static byte *told(void *block)
{
    if (!block)
        exit(2);
    tell("B", block);
    return (byte *)block;
}

static byte *take(size_t size)
{
    return told(weir_allocate(cpu(), size));
}

static void give(volatile void *block)
{
    weir_deallocate(cpu(), (void *)block);
}

/* A block that ends where a page does, or begins there: with guards, at one. */
static byte *take_at(int end, size_t size)
{
    byte *block = NULL;
    for (int i = 0; i < 64; i++) {
        block = (byte *)weir_allocate(cpu(), size);
        if ((uintptr_t)(block + (end ? size : 0)) % (4 * KIB) == 0)
            break;
    }
    return told((void *)block);
}

static weir_allocator *child_make(void)
{
    return weir_allocator_create(&(weir_allocator_options){.name = "child"});
}

/* -- double frees ------------------------------------------------------------------------- */

static void twice(byte *block)
{
    give(block);
    give(block);
}

static void double_free_small(void)
{
    twice(take(100));
}
static void double_free_empty(void)
{
    twice(take(0));
}
static void double_free_large(void)
{
    twice(take(MIB));
}
static void double_free_huge(void)
{
    twice(take(200 * MIB));
}
static void double_free_aligned(void)
{
    twice(told(weir_allocate_aligned(cpu(), 100, 4096)));
}
static void double_free_zeroed(void)
{
    twice(told(weir_allocate_zeroed(cpu(), 30, 30)));
}

static void double_free_between(void)
{
    byte *other = take(100), *block = take(100);
    give(block);
    give(other);
    give(block);
}

static void double_free_late(void)
{
    byte *keeps = (byte *)weir_allocate(cpu(), 100), *block = take(100);
    give(block);
    for (int i = 0; i < 1024; i++)
        give(weir_allocate(cpu(), 2000));
    give(block);
    give(keeps);
}

static void *other_thread(void *block)
{
    give(block);
    return NULL;
}

static void in_thread(void *work(void *), byte *block)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, (void *)block))
        exit(2);
    pthread_join(thread, NULL);
}

static void double_free_thread(void)
{
    byte *block = take(100);
    give(block);
    in_thread(other_thread, block);
}

static void double_free_sized(void)
{
    byte *block = take(100);
    weir_deallocate_sized(cpu(), (void *)block, 100);
    weir_deallocate_sized(cpu(), (void *)block, 100);
}

static void double_free_child(void)
{
    weir_allocator *child = child_make();
    byte *block = told(weir_allocate(child, 100));
    weir_deallocate(child, (void *)block);
    weir_deallocate(child, (void *)block);
}

static void double_free_moved(void)
{
    byte *block = take(100);
    void *moved = weir_reallocate(cpu(), (void *)block, 100 * KIB);
    give(block);
    give(moved);
}

static void double_free_trimmed(void)
{
    byte *block = take(100);
    give(block);
    weir_trim(cpu());
    give(block);
}

/* -- no blocks ------------------------------------------------------------------------------ */

static char nothing[64];

static void give_told(volatile void *address)
{
    give(told((void *)address));
}
static void interior_byte(void)
{
    give_told(take(1000) + 1);
}
static void interior_line(void)
{
    give_told(take(1000) + 64);
}
static void interior_page(void)
{
    give_told(take(MIB) + 4096);
}
static void interior_last(void)
{
    give_told(take(1000) + 999);
}
static void free_static(void)
{
    give_told(nothing + 16);
}
static void free_code(void)
{
    give_told((void *)(uintptr_t)free_static);
}
static void free_number(void)
{
    give_told((void *)(uintptr_t)0x7ff01230);
}

static void free_stack(void)
{
    char here[64] = {1};
    give_told(here + 16);
    look(here);
}

static void free_malloc(void)
{
    give_told(malloc(100));
}

static void free_closed(void)
{
    give_told(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void free_unmapped(void)
{
    void *pages = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages, 4096);
    give_told(pages);
}

/* -- resizing and asking -------------------------------------------------------------------- */

static void resize(volatile void *block)
{
    weir_reallocate(cpu(), (void *)block, 5000);
}

static byte *freed(size_t size)
{
    byte *block = take(size);
    give(block);
    return block;
}

static void resize_freed(void)
{
    resize(freed(100));
}
static void resize_freed_large(void)
{
    resize(freed(MIB));
}
static void resize_interior(void)
{
    resize(told((void *)(take(1000) + 64)));
}
static void resize_static(void)
{
    resize(told(nothing));
}
static void resize_other(void)
{
    resize(told(weir_allocate(child_make(), 100)));
}
static void size_of_freed(void)
{
    weir_requested_size(cpu(), (void *)freed(100));
}
static void usable_of_freed(void)
{
    weir_usable_size(cpu(), (void *)freed(100));
}
static void usable_of_static(void)
{
    weir_usable_size(cpu(), told(nothing));
}
static void tag_of_freed(void)
{
    weir_block_tag(cpu(), (void *)freed(100));
}
static void size_of_interior(void)
{
    weir_requested_size(cpu(), told((void *)(take(1000) + 8)));
}
static void sized(size_t had, size_t said)
{
    weir_deallocate_sized(cpu(), (void *)take(had), said);
}
static void sized_less(void)
{
    sized(100, 99);
}
static void sized_more(void)
{
    sized(100, 101);
}
static void sized_none(void)
{
    sized(100, 0);
}
static void sized_large(void)
{
    sized(MIB, MIB - 1);
}

/* -- beside a block ---------------------------------------------------------------------------- */

static void over(byte *block, size_t size, size_t from, int writes)
{
    byte *at = block + size + from;
    tell("A", at);
    writes ? put(at) : look(at);
    give(block);
}

static void over_1_write(void)
{
    over(take_at(1, 128), 128, 0, 1);
}
static void over_1_read(void)
{
    over(take_at(1, 128), 128, 0, 0);
}
static void over_32_write(void)
{
    over(take_at(1, 128), 128, 31, 1);
}
static void over_page_write(void)
{
    over(take_at(1, 128), 128, 4095, 1);
}
static void over_large_write(void)
{
    over(take_at(1, 64 * 1000), 64 * 1000, 0, 1);
}
static void over_rest_write(void)
{
    over(take_at(0, 100), 100, 0, 1);
}
static void over_rest_read(void)
{
    over(take_at(0, 100), 100, 0, 0);
}
static void over_empty_write(void)
{
    over(take(0), 0, 0, 1);
}
static void over_empty_read(void)
{
    over(take(0), 0, 0, 0);
}

static void under(byte *block, size_t by, int writes)
{
    tell("A", block - by);
    writes ? put(block - by) : look(block - by);
    give(block);
}

static void under_1_write(void)
{
    under(take_at(0, 128), 1, 1);
}
static void under_1_read(void)
{
    under(take_at(0, 128), 1, 0);
}
static void under_32_write(void)
{
    under(take_at(0, 128), 32, 1);
}
static void under_rest_write(void)
{
    under(take_at(1, 1024), 1, 1);
}

static void over_in_thread(void)
{
    in_thread(other_thread, NULL);
    over(take_at(1, 128), 128, 0, 1);
}

/* -- after the free ------------------------------------------------------------------------------
 */

static void use(byte *block, size_t at, int writes)
{
    tell("A", block + at);
    writes ? put(block + at) : look(block + at);
}

static void write_freed(void)
{
    use(freed(100), 8, 1);
}
static void read_freed(void)
{
    use(freed(100), 8, 0);
}
static void write_freed_large(void)
{
    use(freed(40 * KIB), 8000, 1);
}
static void write_freed_last(void)
{
    use(freed(128), 127, 1);
}

/* And allocates what was written to. */
static void write_freed_reused(void)
{
    use(freed(100), 8, 1);
    for (int i = 0; i < 3000; i++)
        weir_allocate(cpu(), 100);
}

static void write_moved(void)
{
    byte *block = take(100);
    void *moved = weir_reallocate(cpu(), (void *)block, 20 * KIB);
    use(block, 8, 1);
    give(moved);
}

static void *thread_free(void *block)
{
    give(block);
    return NULL;
}

static void write_freed_by_thread(void)
{
    byte *block = take(100);
    in_thread(thread_free, block);
    use(block, 8, 1);
}

#define CRIME(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct crime crimes[] = {
    CRIME(double_free_small),   CRIME(double_free_empty),    CRIME(double_free_large),
    CRIME(double_free_huge),    CRIME(double_free_aligned),  CRIME(double_free_zeroed),
    CRIME(double_free_between), CRIME(double_free_late),     CRIME(double_free_thread),
    CRIME(double_free_sized),   CRIME(double_free_child),    CRIME(double_free_moved),
    CRIME(double_free_trimmed), CRIME(interior_byte),        CRIME(interior_line),
    CRIME(interior_page),       CRIME(interior_last),        CRIME(free_static),
    CRIME(free_code),           CRIME(free_number),          CRIME(free_stack),
    CRIME(free_malloc),         CRIME(free_closed),          CRIME(free_unmapped),
    CRIME(resize_freed),        CRIME(resize_freed_large),   CRIME(resize_interior),
    CRIME(resize_static),       CRIME(resize_other),         CRIME(size_of_freed),
    CRIME(usable_of_freed),     CRIME(usable_of_static),     CRIME(tag_of_freed),
    CRIME(size_of_interior),    CRIME(sized_less),           CRIME(sized_more),
    CRIME(sized_none),          CRIME(sized_large),          CRIME(over_1_write),
    CRIME(over_1_read),         CRIME(over_32_write),        CRIME(over_page_write),
    CRIME(over_large_write),    CRIME(over_rest_write),      CRIME(over_rest_read),
    CRIME(over_empty_write),    CRIME(over_empty_read),      CRIME(over_in_thread),
    CRIME(under_1_write),       CRIME(under_1_read),         CRIME(under_32_write),
    CRIME(under_rest_write),    CRIME(write_freed),          CRIME(read_freed),
    CRIME(write_freed_large),   CRIME(write_freed_last),     CRIME(write_freed_reused),
    CRIME(write_moved),         CRIME(write_freed_by_thread)};

int main(int argc, char **argv)
{
    return crime_main(argc, argv, crimes, sizeof crimes / sizeof *crimes);
}
