/*
 * tests/unit/jit_map.c - maps of names that compilers leave: which are believed, which lines are
 * meant for an address, and lines that nobody should have written. The oracle reads the records
 * again and looks for the address among the lines as they were written.
 */
#include "observe/jit_map.h"

#include "tools/trace/cursor.h"

#include "../helpers/suite.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char text[1 << 20];
static size_t length;

static void line_add(uint64_t start, uint64_t size, const char *name)
{
    length += (size_t)snprintf(text + length, sizeof text - length, "%" PRIx64 " %" PRIx64 " %s\n",
                               start, size, name);
}

static int text_file(void)
{
    FILE *file = tmpfile();
    cr_assert(file && fwrite(text, 1, length, file) == length && fflush(file) == 0);
    return fileno(file);
}

static struct record {
    uint64_t start, size;
    char name[2 * WEIR__JIT_NAME + 5];
} records[1000];
static size_t nrecords;

static void record_take(void *unused, const void *bytes, size_t n)
{
    struct trace_cursor c = {bytes, (const unsigned char *)bytes + n, false};
    struct record *r = &records[nrecords++];
    (void)unused;
    r->start = cursor_varint(&c);
    r->size = cursor_varint(&c);
    uint64_t named = cursor_varint(&c);
    cr_assert(!c.bad && named < sizeof r->name && (size_t)(c.end - c.at) == named);
    memcpy(r->name, c.at, named);
    r->name[named] = '\0';
}

static void map_read(const uint64_t *addresses, size_t n)
{
    struct weir__jit_wanted *wanted = calloc(n, sizeof *wanted);
    nrecords = 0;
    for (size_t i = 0; i < n; i++)
        wanted[i].address = addresses[i];
    weir__jit_map_read(text_file(), wanted, n, record_take, NULL);
    free(wanted);
}

/* As who reads a recording does: the last that covers it. The address is a return address. */
static const char *name_at(uint64_t address)
{
    for (size_t i = nrecords; i-- > 0;)
        if (address - 1 - records[i].start < records[i].size)
            return records[i].name;
    return NULL;
}

Test(jit_map, only_what_is_wanted_is_copied)
{
    length = 0;
    line_add(0x1000, 0x100, "JS:~a /a.js:1:1");
    line_add(0x1100, 0x100, "JS:~b /a.js:2:1");
    line_add(0x1200, 0x100, "JS:~c /a.js:3:1");
    map_read((const uint64_t[]){0x1180, 0x1101, 0x1200, 0x1180, 0x9000}, 5);
    cr_expect_eq(nrecords, 1, "%zu", nrecords);
    cr_expect_str_eq(name_at(0x1180), "JS:~b /a.js:2:1");
    cr_expect_str_eq(name_at(0x1200), "JS:~b /a.js:2:1"); /* the call stood before it */
    cr_expect_null(name_at(0x9000));
    map_read((const uint64_t[]){0x1100, 0x1000}, 2);
    cr_expect_eq(nrecords, 1);
    cr_expect_str_eq(name_at(0x1100), "JS:~a /a.js:1:1");
}

/* Code that was optimized has its name still; code of another function in its place is not told
 * from it. */
Test(jit_map, an_address_of_two_names_gets_both)
{
    length = 0;
    line_add(0x1000, 0x100, "JS:~a /a.js:1:1");
    line_add(0x1000, 0x80, "JS:*a /a.js:1:1");
    line_add(0x1080, 0x100, "JS:~b /a.js:2:1");
    map_read((const uint64_t[]){0x1010, 0x1090, 0x1170}, 3);
    cr_expect_str_eq(name_at(0x1010), "JS:*a /a.js:1:1");
    cr_expect_str_eq(name_at(0x1090), "JS:~b /a.js:2:1 or JS:~a /a.js:1:1");
    cr_expect_str_eq(name_at(0x1170), "JS:~b /a.js:2:1");
}

Test(jit_map, two_names_of_the_most_bytes_are_whole)
{
    char first[WEIR__JIT_NAME + 1], second[WEIR__JIT_NAME + 1], both[2 * WEIR__JIT_NAME + 5];
    memset(first, 'a', WEIR__JIT_NAME);
    memset(second, 'b', WEIR__JIT_NAME);
    first[WEIR__JIT_NAME] = second[WEIR__JIT_NAME] = '\0';
    snprintf(both, sizeof both, "%s or %s", second, first);
    length = 0;
    line_add(0x1000, 0x100, first);
    line_add(0x1080, 0x100, second);
    map_read((const uint64_t[]){0x1090}, 1);
    cr_expect_str_eq(name_at(0x1090), both);
}

Test(jit_map, lines_that_are_none_are_passed_over)
{
    char *large = malloc(100001);
    memset(large, 'x', 100000);
    large[100000] = '\0';
    length = 0;
    line_add(0x1000, 0x10, large);
    line_add(UINT64_MAX - 4, 100, "over the end");
    line_add(0x2000, 0, "empty");
    line_add(0x3000, 0x10, "</script>\"\x1b[31m\xff");
    length +=
        (size_t)snprintf(text + length, 300,
                         "\n \n0\n0 \nzz 10 a\n4000 zz a\n-4000 10 a\n4000\t10\ta\n"
                         "11112222333344445 10 too many digits\n4000 10\n5000 10 \n6000 10 no end");
    map_read(
        (const uint64_t[]){0x1001, UINT64_MAX - 2, 0x2001, 0x3001, 0x4001, 0x5001, 0x6001, 0, 1},
        9);
    cr_expect_eq(strlen(name_at(0x1001)), WEIR__JIT_NAME);
    cr_expect_str_eq(name_at(0x3001), "</script>\"\x1b[31m\xff");
    cr_expect_str_eq(name_at(0x5001), "");
    cr_expect_null(name_at(0x4001));
    cr_expect_null(name_at(0x6001), "a line without an end may be half of one");
    cr_expect_null(name_at(0x2001));
    cr_expect_null(name_at(UINT64_MAX - 2));
    free(large);
    length = 0;
    map_read((const uint64_t[]){0x1001}, 1);
    cr_expect_eq(nrecords, 0);
    map_read(NULL, 0);
    cr_expect_eq(nrecords, 0);
}

/* Never more records than addresses, and twice that where all have two names. */
Test(jit_map, random_maps_name_as_their_lines_do)
{
    uint32_t random = 7;
    for (unsigned round = 0; round < 200; round++) {
        struct {
            uint64_t start, size;
            char name[32];
        } lines[40];
        uint64_t addresses[60];
        length = 0;
        for (unsigned i = 0; i < 40; i++) {
            random = random * 1664525 + 1013904223;
            lines[i].start = 0x1000 + (random >> 16) % 500;
            lines[i].size = 1 + (random >> 10) % 60;
            snprintf(lines[i].name, sizeof lines[i].name, "JS:f%u /a.js:1:1", (random >> 4) % 20);
            line_add(lines[i].start, lines[i].size, lines[i].name);
        }
        for (unsigned i = 0; i < 60; i++)
            addresses[i] = 0x1000 + (random = random * 1664525 + 1013904223) / 8 % 600;
        map_read(addresses, 60);
        cr_expect_leq(nrecords, 120);
        for (unsigned i = 0; i < 60; i++) {
            const char *last = NULL, *other = NULL;
            for (unsigned k = 0; k < 40; k++)
                if (addresses[i] - 1 - lines[k].start < lines[k].size) {
                    other = last && strcmp(last, lines[k].name) != 0 ? last : other;
                    last = lines[k].name;
                }
            char both[80];
            snprintf(both, sizeof both, other ? "%s or %s" : "%s", last ? last : "",
                     other ? other : "");
            const char *found = name_at(addresses[i]);
            if (last)
                cr_assert_str_eq(found ? found : "(none)", both);
            else
                cr_assert_null(found);
        }
    }
}

/* -- which file ----------------------------------------------------------------------------------
 */

static uint64_t boot_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool opens(uint64_t since, uint64_t until)
{
    int file = weir__jit_map_open((int)getpid(), since, until);
    if (file >= 0)
        close(file);
    return file >= 0;
}

Test(jit_map, only_a_file_of_this_process_is_believed)
{
    char path[64], other[80];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    snprintf(other, sizeof other, "%s.other", path);
    unlink(path);
    uint64_t before = boot_now();
    cr_expect(!opens(0, UINT64_MAX), "there is none");
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs("1000 10 a\n", file) >= 0 && fclose(file) == 0);
    cr_expect(opens(before, UINT64_MAX));
    cr_expect(!opens(before + UINT64_C(60000000000), UINT64_MAX), "it is of an earlier process");
    cr_expect(!opens(0, before - UINT64_C(1000000000)), "it is of a later one");
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
    cr_expect(!opens(before, UINT64_MAX), "it was written long ago");
    cr_assert(rename(path, other) == 0 && symlink(other, path) == 0);
    cr_expect(!opens(0, UINT64_MAX), "a link");
    unlink(path);
    unlink(other);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect(!opens(0, UINT64_MAX), "a pipe");
    unlink(path);
    if (geteuid() == 0) {
        file = fopen(path, "w");
        cr_assert(file && fclose(file) == 0 && chown(path, 12345, 12345) == 0);
        cr_expect(!opens(0, UINT64_MAX), "another user's");
        unlink(path);
    }
}
