/* Tensors over files: every byte, page by page, at offsets of every kind; what is mapped and what
 * of it is in memory, against the kernel's own figures; and files that are too short, no files, or
 * cut later. */
#include "../helpers/object.h"
#include "../helpers/scratch.h"
#include "../helpers/self.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include <pthread.h>

enum { FILE_BYTES = 300007 }; /* odd, more than a granule of the machine, no whole pages */

static char path[SCRATCH_PATH_MAX];

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 2654435761u >> 13);
}

static void file_make(void)
{
    static unsigned char bytes[FILE_BYTES];
    for (size_t i = 0; i < FILE_BYTES; i++)
        bytes[i] = byte_at(i);
    scratch_path(path, "mapped");
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, FILE_BYTES, file), FILE_BYTES);
    cr_assert_eq(fclose(file), 0);
}

static weir_mapped_stats stats(void)
{
    weir_mapped_stats s = {.size = sizeof s};
    cr_assert_eq(weir_mapped_stats_get(&s), 0);
    return s;
}

static void file_remove(void)
{
    unlink(path);
    cr_expect_eq(stats().mappings, 0);
    cr_expect_eq(stats().mapped_bytes, 0);
    cr_expect_eq(stats().resident_bytes, 0);
    expect_live(weir_cpu_allocator(), 0, 0);
}

TestSuite(mapped, .init = file_make, .fini = file_remove);

/* The name of the file in a line of /proc/self/maps: so often is it mapped. */
static size_t times_mapped(void)
{
    char line[5000];
    size_t times = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps))
        times += strstr(line, "-mapped") != NULL;
    fclose(maps);
    return times;
}

static weir_tensor *map_bytes(uint64_t offset, int64_t count, weir_map_mode mode)
{
    return weir_tensor_map_file(path, offset, &count, 1, WEIR_UINT8, mode);
}

Test(mapped, every_offset_and_length_has_its_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t places[] = {0,         1,        63,           64,          page - 1,       page,
                       page + 1,  2 * page, 3 * page - 7, 100000,      FILE_BYTES - 1, FILE_BYTES,
                       65536 - 1, 65536,    65536 + 1,    5 * page + 3};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
            size_t offset = places[i], count = places[j];
            if (offset + count > FILE_BYTES)
                continue;
            weir_tensor *t = map_bytes(offset, (int64_t)count, WEIR_MAP_READ_ONLY);
            cr_assert_not_null(t, "%zu from %zu: %s", count, offset, weir_last_error());
            const unsigned char *data = weir_tensor_data(t);
            for (size_t k = 0; k < count; k++)
                cr_assert_eq(data[k], byte_at(offset + k), "byte %zu from %zu", k, offset);
            cr_assert_eq(stats().mapped_bytes, count);
            cr_assert_eq(stats().mappings, 1);
            cr_assert_eq(weir_tensor_resident(t), count, "all of it was touched");
            weir_tensor_release(t);
            cr_assert_eq(times_mapped(), 0, "%zu from %zu stays mapped", count, offset);
        }
}

Test(mapped, it_is_mapped_and_not_allocated)
{
    uint64_t checkpoint = weir_checkpoint(NULL);
    weir_tensor *t =
        weir_tensor_map_file(path, 4096, ARRAY(3, 5, 7), 3, WEIR_FLOAT32, WEIR_MAP_READ_ONLY);
    cr_assert_not_null(t);
    expect_live(weir_cpu_allocator(), 0, 0);
    cr_expect_eq(stats().mapped_bytes, 3 * 5 * 7 * 4);
    cr_expect_eq(weir_tensor_size_in_bytes(t), 3 * 5 * 7 * 4);
    cr_expect_eq(weir_tensor_capacity(t), 3 * 5 * 7 * 4);
    cr_expect_eq(weir_tensor_extent(t, 2), 7);
    cr_expect_eq((uintptr_t)weir_tensor_data(t) % 4096, 0);
    cr_expect_null(weir_tensor_allocator(t));
    cr_expect(weir_tensor_is_mapped(t));
    cr_expect(weir_tensor_is_read_only(t));
    cr_expect(weir_tensor_is_contiguous(t));
    weir_leaks_stats leaks = {0};
    cr_expect_eq(weir_leaks_stats_get(NULL, checkpoint, &leaks), 0);
    cr_expect_eq(leaks.count, 0, "a mapping is no block");
    weir_tensor_release(t);
}

Test(mapped, views_keep_it_and_the_last_unmaps)
{
    weir_tensor *t =
        weir_tensor_map_file(path, 9, ARRAY(100, 20), 2, WEIR_UINT8, WEIR_MAP_READ_ONLY);
    weir_tensor *row = weir_tensor_select(t, 0, 42), *turned = weir_tensor_transpose(t, 0, 1);
    cr_assert(t && row && turned);
    cr_expect(weir_tensor_is_mapped(row) && weir_tensor_is_read_only(turned));
    cr_expect_eq(stats().mappings, 1, "one storage");
    cr_expect_eq(stats().mapped_bytes, 2000);
    weir_tensor_release(t);
    cr_expect_eq(times_mapped(), 1);
    cr_expect_eq(*(unsigned char *)weir_tensor_at(row, ARRAY(7)), byte_at(9 + 42 * 20 + 7));
    weir_tensor_release(row);
    cr_expect_eq(*(unsigned char *)weir_tensor_at(turned, ARRAY(3, 99)), byte_at(9 + 99 * 20 + 3));
    weir_tensor_release(turned);
    cr_expect_eq(times_mapped(), 0);
}

Test(mapped, a_clone_is_allocated_and_writable)
{
    weir_tensor *t =
        weir_tensor_map_file(path, 5, ARRAY(50, 20), 2, WEIR_INT16, WEIR_MAP_READ_ONLY);
    weir_tensor *turned = weir_tensor_transpose(t, 0, 1);
    weir_tensor *clones[] = {weir_tensor_clone(t), weir_tensor_contiguous(turned)};
    for (int i = 0; i < 2; i++) {
        cr_assert_not_null(clones[i]);
        cr_expect_eq(weir_tensor_allocator(clones[i]), weir_cpu_allocator());
        cr_expect_not(weir_tensor_is_mapped(clones[i]));
        cr_expect_not(weir_tensor_is_read_only(clones[i]));
        cr_expect_eq(weir_tensor_resident(clones[i]), WEIR_UNSUPPORTED);
    }
    expect_live(weir_cpu_allocator(), 2 * 2000, 2);
    cr_expect_eq(stats().mapped_bytes, 2000);
    cr_expect_eq(memcmp(weir_tensor_data(clones[0]), weir_tensor_data(t), 2000), 0);
    unsigned char *turned_back = weir_tensor_at(clones[1], ARRAY(3, 11));
    cr_expect_eq(turned_back[0], byte_at(5 + (11 * 20 + 3) * 2));
    cr_expect_eq(weir_tensor_zero(clones[0]), 0);
    weir_tensor_release(t);
    weir_tensor_release(turned);
    weir_tensor_release(clones[0]);
    weir_tensor_release(clones[1]);
}

Test(mapped, resize_within_it_stays_and_beyond_it_is_allocated)
{
    weir_tensor *t = map_bytes(100, 1000, WEIR_MAP_READ_ONLY);
    cr_assert_eq(weir_tensor_resize(t, ARRAY(30, 30), 2), 0);
    cr_expect(weir_tensor_is_mapped(t));
    cr_expect_eq(stats().mapped_bytes, 1000);
    cr_assert_eq(weir_tensor_resize(t, ARRAY(4000), 1), 0);
    cr_expect_not(weir_tensor_is_mapped(t));
    cr_expect_eq(stats().mappings, 0);
    expect_live(weir_cpu_allocator(), 4000, 1);
    cr_expect_eq(((unsigned char *)weir_tensor_data(t))[899], byte_at(999));
    cr_expect_eq(weir_tensor_zero(t), 0);
    weir_tensor_release(t);
}

/* -- writing ----------------------------------------------------------------------------------- */

Test(mapped, a_copy_on_write_is_the_processs_own)
{
    weir_tensor *own = map_bytes(3, 200000, WEIR_MAP_COPY_ON_WRITE);
    weir_tensor *other = map_bytes(3, 200000, WEIR_MAP_READ_ONLY);
    cr_assert(own && other);
    cr_expect_not(weir_tensor_is_read_only(own));
    cr_expect_eq(stats().mapped_bytes, 400000);
    unsigned char *data = weir_tensor_data(own);
    const unsigned char *file = weir_tensor_data(other);
    data[70000] = (unsigned char)~data[70000];
    cr_expect_eq(file[70000], byte_at(70003), "the file has it");
    cr_expect_neq(data[70000], byte_at(70003));
    cr_expect_eq(weir_tensor_zero(own), 0);
    cr_expect_eq(data[199999], 0);
    cr_expect_eq(file[199999], byte_at(200002));
    cr_expect_eq(weir_tensor_copy(own, other), 0);
    cr_expect_eq(data[199999], byte_at(200002));
    weir_tensor_release(own);
    weir_tensor_release(other);
}

Test(mapped, weir_does_not_write_to_what_is_read_only)
{
    unsigned char bytes[100] = {1, 2, 3};
    weir_tensor *t = map_bytes(0, 100, WEIR_MAP_READ_ONLY);
    weir_tensor *from = weir_tensor_wrap(bytes, ARRAY(100), 1, WEIR_UINT8, NULL, NULL);
    cr_expect_eq(weir_tensor_zero(t), EACCES);
    cr_expect_eq(weir_tensor_copy(t, from), EACCES);
    cr_expect_neq(weir_last_error()[0], 0);
    cr_expect_eq(((unsigned char *)weir_tensor_data(t))[1], byte_at(1));
    weir_tensor *constant = weir_tensor_wrap_memory(
        &(weir_tensor_memory){.data = bytes, .read_only = true}, ARRAY(100), 1, WEIR_UINT8);
    cr_expect_eq(weir_tensor_zero(constant), EACCES, "wrapped memory, too");
    cr_expect_eq(bytes[1], 2);
    weir_tensor_release(t);
    weir_tensor_release(from);
    weir_tensor_release(constant);
}

/* The signal that ends a child that touches it so; 0: none. */
static int signal_of(weir_tensor *t, void (*touch)(volatile unsigned char *))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        touch(weir_tensor_data(t));
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_write(volatile unsigned char *data)
{
    data[0] = 1;
}

static void touch_end(volatile unsigned char *data)
{
    (void)data[299999];
}

Test(mapped, the_kernel_holds_what_read_only_says)
{
    weir_tensor *t = map_bytes(0, 10, WEIR_MAP_READ_ONLY);
    weir_tensor *own = map_bytes(0, 10, WEIR_MAP_COPY_ON_WRITE);
    cr_expect_eq(signal_of(t, touch_write), SIGSEGV);
    cr_expect_eq(signal_of(own, touch_write), 0);
    cr_expect_eq(*(unsigned char *)weir_tensor_data(own), byte_at(0), "the child's was its own");
    weir_tensor_release(t);
    weir_tensor_release(own);
}

Test(mapped, a_file_that_is_removed_stays_and_one_that_is_cut_does_not)
{
    weir_tensor *t = map_bytes(0, 300000, WEIR_MAP_READ_ONLY);
    cr_expect_eq(signal_of(t, touch_end), 0);
    cr_expect_eq(truncate(path, 10000), 0);
    cr_expect_eq(signal_of(t, touch_end), SIGBUS);
    cr_expect_eq(((unsigned char *)weir_tensor_data(t))[9999], byte_at(9999));
    cr_expect_eq(stats().mapped_bytes, 300000);
    cr_expect_leq(weir_tensor_resident(t), 300000);
    cr_expect_eq(unlink(path), 0);
    cr_expect_eq(((unsigned char *)weir_tensor_data(t))[77], byte_at(77));
    weir_tensor_release(t);
}

/* -- what is in memory
 * ----------------------------------------------------------------------------- */

/* Bytes of the file from `offset` on that are in pages which the page cache has, by a mapping of
 * this test's own, page by page. */
static size_t resident_by_hand(size_t offset, size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 0;
    int file = open(path, O_RDONLY);
    char *base = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, file, 0);
    cr_assert_neq(base, MAP_FAILED);
    for (size_t i = 0; i < count; i++) {
        unsigned char there = 0;
        size_t at = (offset + i) / page * page;
        cr_assert_eq(mincore(base + at, 1, &there), 0);
        size_t end = at + page < offset + count ? at + page : offset + count;
        bytes += there & 1 ? end - (offset + i) : 0;
        i += end - (offset + i) - 1;
    }
    munmap(base, FILE_BYTES);
    close(file);
    return bytes;
}

Test(mapped, what_is_resident_is_the_kernels_figure)
{
    int file = open(path, O_RDWR);
    cr_assert_eq(fsync(file), 0);
    cr_assert_eq(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
    cr_assert_eq(posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM), 0);
    char byte;
    cr_assert_eq(pread(file, &byte, 1, 50000), 1);
    weir_tensor *t = map_bytes(1234, 250000, WEIR_MAP_READ_ONLY);
    size_t wanted, told, in_stats;
    do { /* the kernel takes pages back when it likes */
        wanted = resident_by_hand(1234, 250000);
        told = weir_tensor_resident(t);
        in_stats = stats().resident_bytes;
    } while (resident_by_hand(1234, 250000) != wanted);
    cr_expect_eq(told, wanted);
    cr_expect_eq(in_stats, wanted);
    volatile const unsigned char *data = weir_tensor_data(t);
    for (size_t i = 0; i < 250000; i += 997)
        (void)data[i];
    cr_expect_eq(weir_tensor_resident(t), 250000);
    weir_tensor *again = map_bytes(1234, 1000, WEIR_MAP_COPY_ON_WRITE);
    memset(weir_tensor_data(again), 1, 1000);
    cr_expect_eq(weir_tensor_resident(again), 1000, "a copy is in memory");
    cr_expect_eq(stats().resident_bytes, 251000);
    weir_tensor_release(t);
    weir_tensor_release(again);
    close(file);
}

/* More pages than are looked up at a time, most of them holes. */
Test(mapped, a_large_sparse_file)
{
    int64_t count = (int64_t)64 << 20;
    int file = open(path, O_RDWR);
    cr_assert_eq(ftruncate(file, count + 5000), 0);
    weir_tensor *t = weir_tensor_map_fd(file, 4999, &count, 1, WEIR_UINT8, WEIR_MAP_COPY_ON_WRITE);
    cr_assert_not_null(t);
    unsigned char *data = weir_tensor_data(t);
    size_t before = weir_tensor_resident(t);
    cr_expect_leq(before, FILE_BYTES + 65536);
    data[33 << 20] = 1;
    size_t now = weir_tensor_resident(t);
    cr_expect_geq(now, before + (size_t)sysconf(_SC_PAGESIZE));
    cr_expect_lt(now, (size_t)count / 2);
    cr_expect_eq(data[count - 1], 0);
    weir_tensor_release(t);
    close(file);
}

/* Another user's file that may not be written to: the kernel would say that all is there. */
Test(mapped, a_file_that_is_not_told_of)
{
    if (geteuid() != 0)
        cr_skip("only root can become another user");
    int status = -1;
    cr_assert_eq(chmod(path, 0444), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setresuid(65534, 65534, 65534) != 0)
            _exit(1);
        weir_tensor *t = map_bytes(0, 1000, WEIR_MAP_READ_ONLY);
        if (!t)
            _exit(2);
        weir_mapped_stats s = {.size = sizeof s};
        if (weir_mapped_stats_get(&s) || s.mapped_bytes != 1000)
            _exit(3);
        _exit(weir_tensor_resident(t) == WEIR_UNSUPPORTED && s.resident_bytes == WEIR_UNSUPPORTED
                  ? 0
                  : 4);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "%x", (unsigned)status);
}

/* -- what cannot be
 * ----------------------------------------------------------------------------------- */

Test(mapped, files_that_are_too_short)
{
    static const struct {
        uint64_t offset;
        int64_t count;
    } beyond[] = {{0, FILE_BYTES + 1}, {1, FILE_BYTES}, {FILE_BYTES, 1}, {FILE_BYTES + 1, 0},
                  {UINT64_MAX, 0},     {UINT64_MAX, 1}, {INT64_MAX, 1},  {0, INT64_MAX / 2}};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        expect_null(map_bytes(beyond[i].offset, beyond[i].count, WEIR_MAP_READ_ONLY), ENXIO);
        cr_expect_not_null(strstr(weir_last_error(), "too short"), "%s", weir_last_error());
    }
    cr_expect_eq(stats().mappings, 0);
}

Test(mapped, no_elements)
{
    weir_tensor *t = map_bytes(FILE_BYTES, 0, WEIR_MAP_READ_ONLY);
    cr_assert_not_null(t);
    cr_expect_eq(weir_tensor_element_count(t), 0);
    cr_expect_eq(stats().mappings, 1);
    cr_expect_eq(stats().mapped_bytes, 0);
    cr_expect_eq(weir_tensor_resident(t), 0);
    weir_tensor *clone = weir_tensor_clone(t);
    cr_expect_not_null(clone);
    weir_tensor_release(clone);
    weir_tensor_release(t);
}

Test(mapped, what_is_no_file)
{
    int64_t one = 1;
    int ends[2], only = open(path, O_WRONLY);
    cr_assert_eq(pipe(ends), 0);
    expect_null(weir_tensor_map_file(NULL, 0, &one, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY), EINVAL);
    expect_null(weir_tensor_map_file("/nonexistent/f", 0, &one, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY),
                ENOENT);
    expect_null(weir_tensor_map_file("/", 0, &one, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY), ENODEV);
    expect_null(weir_tensor_map_file("/dev/zero", 0, &one, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY),
                ENODEV);
    expect_null(weir_tensor_map_fd(-1, 0, &one, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY), EBADF);
    expect_null(weir_tensor_map_fd(ends[0], 0, &one, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY), ENODEV);
    expect_null(weir_tensor_map_fd(only, 0, &one, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY), EACCES);
    close(only);
    close(ends[0]);
    close(ends[1]);
}

Test(mapped, what_can_never_be)
{
    expect_null(map_bytes(0, 1, (weir_map_mode)2), EINVAL);
    expect_null(map_bytes(0, -1, WEIR_MAP_READ_ONLY), EINVAL);
    expect_null(weir_tensor_map_file(path, 0, NULL, 1, WEIR_UINT8, WEIR_MAP_READ_ONLY), EINVAL);
    expect_null(weir_tensor_map_file(path, 0, ARRAY(1), 1, (weir_dtype)99, WEIR_MAP_READ_ONLY),
                EINVAL);
    expect_null(
        weir_tensor_map_file(path, 0, ARRAY(INT64_MAX, 4), 2, WEIR_UINT8, WEIR_MAP_READ_ONLY),
        EOVERFLOW);
    weir_mapped_stats s = {.size = 5};
    cr_expect_eq(weir_mapped_stats_get(NULL), EINVAL);
    cr_expect_eq(weir_mapped_stats_get(&s), EINVAL);
    s.size = 0;
    cr_expect_eq(weir_mapped_stats_get(&s), 0);
    cr_expect_not(weir_tensor_is_mapped(NULL));
    cr_expect_eq(weir_tensor_resident(NULL), WEIR_UNSUPPORTED);
}

/* -- many, and others
 * ----------------------------------------------------------------------------------- */

static void *map_and_release(void *unused)
{
    for (int i = 0; i < 300; i++) {
        weir_tensor *t = map_bytes((uint64_t)i, 20000 + i, i % 2);
        weir_mapped_stats s = {.size = sizeof s};
        if (!t || weir_mapped_stats_get(&s) || s.mappings < 1 || s.mapped_bytes < 20000)
            return "wrong figures";
        if (((unsigned char *)weir_tensor_data(t))[19999] != byte_at((size_t)i + 19999))
            return "wrong bytes";
        weir_tensor_release(t);
    }
    return unused;
}

Test(mapped, threads)
{
    pthread_t threads[4];
    void *wrong;
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, map_and_release, NULL), 0);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(threads[i], &wrong), 0);
        cr_expect_null(wrong, "%s", (const char *)wrong);
    }
}

Test(mapped, dlpack_says_that_it_is_read_only)
{
    weir_tensor *t = map_bytes(0, 100, WEIR_MAP_READ_ONLY);
    weir_tensor *own = map_bytes(0, 100, WEIR_MAP_COPY_ON_WRITE);
    expect_null(weir_tensor_to_dlpack(t), EACCES);
    weir_tensor *back = weir_tensor_from_dlpack_versioned(weir_tensor_to_dlpack_versioned(t));
    cr_assert_not_null(back);
    cr_expect(weir_tensor_is_read_only(back));
    cr_expect_eq(weir_tensor_data(back), weir_tensor_data(t));
    weir_tensor_release(t);
    cr_expect_eq(*(unsigned char *)weir_tensor_data(back), byte_at(0), "the export holds it");
    weir_tensor_release(back);
    back = weir_tensor_from_dlpack(weir_tensor_to_dlpack(own));
    cr_assert_not_null(back);
    cr_expect_not(weir_tensor_is_read_only(back));
    weir_tensor_release(back);
    weir_tensor_release(own);
}

/* -- in print
 * --------------------------------------------------------------------------------------------- */

static char *printed(int (*print)(FILE *, weir_allocator *), weir_allocator *a)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    cr_assert_not_null(to);
    cr_assert_eq(print(to, a), 0);
    cr_assert_eq(fclose(to), 0);
    return text;
}

static void expect_printed(int (*print)(FILE *, weir_allocator *), weir_allocator *a,
                           const char *wanted, bool there)
{
    char *text = printed(print, a);
    cr_expect_eq(strstr(text, wanted) != NULL, there, "\"%s\" in %s", wanted, text);
    free(text);
}

Test(mapped, figures_in_print)
{
    weir_allocator *cpu = weir_cpu_allocator();
    expect_printed(weir_stats_print, NULL, "mapped", false);
    expect_printed(weir_stats_json, NULL, "\"mapped\":{\"mappings\":0,\"bytes\":0,", true);
    weir_tensor *t = map_bytes(10, 12345, WEIR_MAP_READ_ONLY);
    unsigned sum = 0;
    for (size_t i = 0; i < 12345; i++)
        sum += ((unsigned char *)weir_tensor_data(t))[i];
    cr_assert_gt(sum, 0);
    expect_printed(weir_stats_print, NULL,
                   "\nmapped: mappings 1, bytes 12345, resident_bytes 12345\n", true);
    expect_printed(weir_stats_print, cpu, "mapped", false);
    expect_printed(weir_stats_json, NULL,
                   ",\"mapped\":{\"mappings\":1,\"bytes\":12345,\"resident_bytes\":12345},"
                   "\"pressure\":{\"events\":0,\"trims\":0,\"trimmed_bytes\":0,\"asked\":0,"
                   "\"watching\":false}}\n",
                   true);
    expect_printed(weir_stats_json, cpu, "mapped", false);
    expect_printed(weir_stats_openmetrics, NULL,
                   "# TYPE weir_mapped_bytes gauge\n# UNIT weir_mapped_bytes bytes\n"
                   "# HELP weir_mapped_bytes Bytes of these parts.\nweir_mapped_bytes 12345\n",
                   true);
    expect_printed(weir_stats_openmetrics, NULL, "\nweir_pressure_events_total 0\n", true);
    expect_printed(weir_stats_openmetrics, cpu, "weir_mapped", false);
    weir_tensor_release(t);
}
