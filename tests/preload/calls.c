/*
 * Every function of malloc's family keeps the C library's rules. Knows nothing of weir:
 * run it with or without a library before it.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "preload_calls:%d: not so: %s\n", __LINE__, #condition);               \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* Through volatile pointers, so that the compiler neither knows nor leaves out a call. */
static void *(*volatile call_malloc)(size_t) = malloc;
static void *(*volatile call_calloc)(size_t, size_t) = calloc;
static void *(*volatile call_realloc)(void *, size_t) = realloc;
static void *(*volatile call_reallocarray)(void *, size_t, size_t) = reallocarray;
static int (*volatile call_posix_memalign)(void **, size_t, size_t) = posix_memalign;
static void *(*volatile call_aligned_alloc)(size_t, size_t) = aligned_alloc;
static void *(*volatile call_memalign)(size_t, size_t) = memalign;
static void *(*volatile call_valloc)(size_t) = valloc;
static void *(*volatile call_pvalloc)(size_t) = pvalloc;

static const size_t sizes[] = {0,       1,
                               7,       8,
                               15,      16,
                               17,      24,
                               63,      64,
                               65,      100,
                               1000,    1024,
                               4095,    4096,
                               4097,    16000,
                               16384,   16385,
                               20000,   65536,
                               100000,  131072,
                               1 << 20, (1 << 20) + 1,
                               5 << 20};
#define NSIZES (sizeof sizes / sizeof *sizes)

static int aligned(const void *block, size_t alignment)
{
    return (uintptr_t)block % alignment == 0;
}

static int filled(const unsigned char *block, size_t size, unsigned char with)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != with)
            return 0;
    return 1;
}

static void malloc_aligns_and_says_what_is_usable(void)
{
    for (size_t i = 0; i < NSIZES; i++) {
        unsigned char *block = call_malloc(sizes[i]);
        size_t usable = malloc_usable_size(block);
        EXPECT(block && aligned(block, 16) && usable >= sizes[i]);
        memset(block, 0xab, usable);
        EXPECT(filled(block, usable, 0xab));
        free(block);
    }
    EXPECT(malloc_usable_size(NULL) == 0);
    free(NULL);
}

static void zero_bytes_are_a_block(void)
{
    void *a = call_malloc(0), *b = call_malloc(0), *c = call_calloc(0, 10);
    EXPECT(a && b && c && a != b && b != c);
    free(a), free(b), free(c);
}

static void calloc_clears_memory_that_was_used(void)
{
    for (size_t i = 0; i < NSIZES; i++)
        for (int round = 0; round < 3; round++) {
            unsigned char *block = call_calloc(1, sizes[i]);
            EXPECT(block && aligned(block, 16) && filled(block, sizes[i], 0));
            memset(block, 0xff, malloc_usable_size(block));
            free(block);
        }
    errno = 0;
    EXPECT(!call_calloc(SIZE_MAX / 2, 3) && errno == ENOMEM);
    errno = 0;
    EXPECT(!call_calloc((size_t)1 << 33, (size_t)1 << 33) && errno == ENOMEM);
}

static void realloc_keeps_the_contents(void)
{
    for (size_t i = 1; i < NSIZES; i++)
        for (size_t k = 1; k < NSIZES; k++) {
            size_t kept = sizes[i] < sizes[k] ? sizes[i] : sizes[k];
            unsigned char *block = call_malloc(sizes[i]);
            memset(block, (int)i + 1, sizes[i]);
            block = call_realloc(block, sizes[k]);
            EXPECT(block && aligned(block, 16) && malloc_usable_size(block) >= sizes[k]);
            EXPECT(filled(block, kept, (unsigned char)(i + 1)));
            free(block);
        }
}

/* redis uses them: where the bytes beyond what was asked for are lost, its strings break. */
static void realloc_keeps_what_is_usable(void)
{
    for (size_t i = 0; i < NSIZES; i++) {
        unsigned char *block = call_malloc(sizes[i]);
        size_t usable = malloc_usable_size(block);
        memset(block, 0x77, usable);
        block = call_realloc(block, 2 * usable + 100);
        EXPECT(block && filled(block, usable, 0x77));
        free(block);
    }
}

static void realloc_has_its_edges(void)
{
    void *block = call_realloc(NULL, 100);
    EXPECT(block);
    errno = 0;
    EXPECT(!call_realloc(block, SIZE_MAX - 100) && errno == ENOMEM);
    memset(block, 1, 100);
    EXPECT(!call_realloc(block, 0));
    errno = 0;
    EXPECT(!call_reallocarray(NULL, SIZE_MAX / 4, 8) && errno == ENOMEM);
    block = call_reallocarray(NULL, 10, 30);
    EXPECT(block && malloc_usable_size(block) >= 300);
    free(block);
}

static void growth_step_by_step_keeps_every_byte(void)
{
    unsigned char *block = NULL;
    for (size_t size = 1; size < 300000; size += 1 + size / 50) {
        block = call_realloc(block, size);
        EXPECT(block);
        block[size - 1] = (unsigned char)size;
    }
    size_t size = 1;
    for (; size < 300000; size += 1 + size / 50)
        if (block[size - 1] != (unsigned char)size)
            break;
    EXPECT(size >= 300000);
    free(block);
}

static void aligned_blocks_are(void)
{
    for (size_t alignment = sizeof(void *); alignment <= 4 << 20; alignment *= 2)
        for (size_t i = 0; i < NSIZES; i++) {
            void *block = NULL;
            EXPECT(call_posix_memalign(&block, alignment, sizes[i]) == 0);
            EXPECT(block && aligned(block, alignment) && malloc_usable_size(block) >= sizes[i]);
            memset(block, 1, sizes[i]);
            void *other = call_aligned_alloc(alignment, sizes[i]);
            EXPECT(other && aligned(other, alignment));
            other = call_realloc(other, sizes[i] + 10);
            EXPECT(other);
            free(other), free(block);
            block = call_memalign(alignment, sizes[i]);
            EXPECT(block && aligned(block, alignment));
            free(block);
        }
}

static void aligned_calls_refuse_what_they_must(void)
{
    void *block = &block;
    EXPECT(call_posix_memalign(&block, 3, 10) == EINVAL && block == &block);
    EXPECT(call_posix_memalign(&block, 4, 10) == EINVAL);
    EXPECT(call_posix_memalign(&block, 0, 10) == EINVAL);
    EXPECT(call_posix_memalign(&block, 24, 10) == EINVAL);
    EXPECT(call_posix_memalign(&block, 64, SIZE_MAX - 64) == ENOMEM && block == &block);
    EXPECT(!call_memalign(SIZE_MAX, 10) && errno == EINVAL);
    errno = 0;
    EXPECT(!call_aligned_alloc(64, SIZE_MAX - 64) && errno == ENOMEM);
    block = call_memalign(48, 100);
    EXPECT(block && aligned(block, 64));
    free(block);
    block = call_aligned_alloc(48, 96); /* the C library's refuses it since 2.38 */
    EXPECT(block ? aligned(block, 64) : !getenv("LD_PRELOAD"));
    free(block);
    errno = 0;
    EXPECT(!call_aligned_alloc(SIZE_MAX, 10) && errno == EINVAL);
}

static void pages_are_pages(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *one = call_valloc(10), *two = call_pvalloc(page + 1), *none = call_pvalloc(0);
    EXPECT(one && aligned(one, page));
    EXPECT(two && aligned(two, page) && malloc_usable_size(two) >= 2 * page);
    EXPECT(none && aligned(none, page));
    free(one), free(two), free(none);
    errno = 0;
    EXPECT(!call_pvalloc(SIZE_MAX) && errno == ENOMEM);
}

static void impossible_sizes_are_refused(void)
{
    errno = 0;
    EXPECT(!call_malloc(SIZE_MAX) && errno == ENOMEM);
    errno = 0;
    EXPECT(!call_malloc((size_t)PTRDIFF_MAX + 1) && errno == ENOMEM);
    errno = 0;
    EXPECT(!call_malloc((size_t)1 << 46) && errno == ENOMEM);
}

static void errno_survives_success(void)
{
    errno = 4242;
    for (size_t i = 0; i < NSIZES; i++)
        free(call_malloc(sizes[i]));
    void *large = call_calloc(1000, 1000);
    free(large);
    EXPECT(errno == 4242);
}

static void figures_are_told(void)
{
    struct mallinfo2 before = mallinfo2();
    void *block = call_malloc(1 << 20);
    struct mallinfo2 after = mallinfo2();
    EXPECT(after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + (1 << 20));
    memset(block, 1, 1 << 20);
    free(block);
    malloc_trim(0);
    EXPECT(malloc_info(1, stderr) != 0);
}

static void many_blocks_do_not_overlap(void)
{
    enum { N = 4000 };
    static unsigned char *block[N];
    static size_t size[N];
    unsigned state = 7;
    for (int i = 0; i < N; i++) {
        state = state * 1103515245u + 12345u;
        size[i] = (state >> 8) % ((state >> 28) == 0 ? 40000 : 400);
        block[i] = call_malloc(size[i]);
        memset(block[i], i & 255, size[i]);
        if (i % 3 == 0 && i) {
            free(block[i / 2]);
            block[i / 2] = call_malloc(size[i / 2]);
            memset(block[i / 2], (i / 2) & 255, size[i / 2]);
        }
    }
    for (int i = 0; i < N; i++) {
        EXPECT(filled(block[i], size[i], (unsigned char)(i & 255)));
        free(block[i]);
    }
}

int main(void)
{
    malloc_aligns_and_says_what_is_usable();
    zero_bytes_are_a_block();
    calloc_clears_memory_that_was_used();
    realloc_keeps_the_contents();
    realloc_keeps_what_is_usable();
    realloc_has_its_edges();
    growth_step_by_step_keeps_every_byte();
    aligned_blocks_are();
    aligned_calls_refuse_what_they_must();
    pages_are_pages();
    impossible_sizes_are_refused();
    errno_survives_success();
    figures_are_told();
    many_blocks_do_not_overlap();
    if (failures)
        return 1;
    puts("every call as the C library has it");
    return 0;
}
