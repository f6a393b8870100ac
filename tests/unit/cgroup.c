/* What the process may have, as control groups of every kind say it, and where pressure is told. */
#include "os/cgroup.h"

#include "../helpers/core.h"
#include "../helpers/system.h"
#include "alloc/limit.h"

#include <errno.h>
#include <weir/weir.h>

/* A machine of 16 GiB. */
static void machine(void)
{
    system_make();
    system_file("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1000000 kB\n");
}

static uint64_t memory(void)
{
    uint64_t bytes = 1;
    errno = ENODATA;
    cr_assert(weir__cgroup_memory(system_root, &bytes));
    cr_assert_eq(errno, ENODATA, "errno is kept");
    return bytes;
}

#define MOUNT_2 "25 30 0:23 %s %s rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_1 "35 31 0:32 %s %s rw,relatime shared:9 - cgroup cgroup rw,memory\n"
#define OTHERS                                                                                     \
    "30 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"                                      \
    "31 30 0:21 / /proc rw - proc proc rw\n"                                                       \
    "32 30 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"

TestSuite(cgroup, .init = machine, .fini = system_remove);

Test(cgroup, without_groups_it_is_the_machines_memory)
{
    cr_assert_eq(memory(), 16 * GIB);
    system_file("/proc/self/cgroup", "0::/\n");
    cr_assert_eq(memory(), 16 * GIB, "no mount");
    system_file("/proc/self/mountinfo", OTHERS);
    cr_assert_eq(memory(), 16 * GIB, "no mount of its");
}

Test(cgroup, a_system_that_says_nothing_is_not_guessed_at)
{
    uint64_t bytes = 1;
    cr_assert_eq(unlink(system_path("/proc/meminfo")), 0);
    cr_assert_not(weir__cgroup_memory(system_root, &bytes));
    system_file("/proc/meminfo", "MemFree: 12 kB\nMemTotal: many\n");
    cr_assert_not(weir__cgroup_memory(system_root, &bytes));
}

Test(cgroup, version_2_the_smallest_on_the_path)
{
    system_file("/proc/self/cgroup", "0::/slice/app/worker\n");
    system_file("/proc/self/mountinfo", OTHERS MOUNT_2, "/", "/sys/fs/cgroup");
    cr_assert_eq(memory(), 16 * GIB, "no limits there");
    system_file("/sys/fs/cgroup/slice/app/worker/memory.max", "max\n");
    cr_assert_eq(memory(), 16 * GIB);
    system_file("/sys/fs/cgroup/slice/memory.max", "%zu\n", (size_t)(3 * GIB));
    cr_assert_eq(memory(), 3 * GIB, "of the one at the top");
    system_file("/sys/fs/cgroup/slice/app/memory.max", "%zu\n", (size_t)(5 * GIB));
    cr_assert_eq(memory(), 3 * GIB, "the middle one is greater");
    system_file("/sys/fs/cgroup/slice/app/worker/memory.max", "%zu\n", (size_t)(512 * MIB));
    cr_assert_eq(memory(), 512 * MIB, "its own");
    system_file("/sys/fs/cgroup/memory.max", "%zu\n", (size_t)(256 * MIB));
    cr_assert_eq(memory(), 256 * MIB, "of the mount's top");
    system_file("/sys/fs/cgroup/slice/other/memory.max", "4096\n");
    system_file("/sys/fs/memory.max", "4096\n");
    cr_assert_eq(memory(), 256 * MIB, "nobody else's");
}

Test(cgroup, a_limit_beyond_the_machine_limits_nothing)
{
    system_file("/proc/self/cgroup", "0::/a\n");
    system_file("/proc/self/mountinfo", MOUNT_2, "/", "/sys/fs/cgroup");
    system_file("/sys/fs/cgroup/a/memory.max", "%zu\n", (size_t)(64 * GIB));
    cr_assert_eq(memory(), 16 * GIB);
}

Test(cgroup, a_namespace_of_its_own)
{
    system_file("/proc/self/cgroup", "0::/\n");
    system_file("/proc/self/mountinfo", OTHERS MOUNT_2, "/", "/sys/fs/cgroup");
    system_file("/sys/fs/cgroup/memory.max", "%zu\n", (size_t)(700 * MIB));
    cr_assert_eq(memory(), 700 * MIB);
}

Test(cgroup, a_container_without_a_namespace_mounts_its_part)
{
    system_file("/proc/self/cgroup", "0::/docker/abc/inner\n");
    system_file("/proc/self/mountinfo", OTHERS MOUNT_2, "/docker/abc", "/sys/fs/cgroup");
    system_file("/sys/fs/cgroup/inner/memory.max", "%zu\n", (size_t)(900 * MIB));
    system_file("/sys/fs/cgroup/docker/abc/inner/memory.max", "4096\n");
    cr_assert_eq(memory(), 900 * MIB);
    system_file("/sys/fs/cgroup/memory.max", "%zu\n", (size_t)(800 * MIB));
    cr_assert_eq(memory(), 800 * MIB);
}

/* A root is compared by whole names, and of several mounts the one that shows most counts. */
Test(cgroup, the_mount_that_shows_most)
{
    system_file("/proc/self/cgroup", "0::/app1/x\n");
    system_file("/proc/self/mountinfo", MOUNT_2 MOUNT_2 MOUNT_2 MOUNT_2, "/app", "/m/likeness",
                "/app1/x", "/m/own", "/", "/m/all", "/app1", "/m/app1");
    system_file("/m/likeness/memory.max", "4096\n");
    system_file("/m/likeness/1/x/memory.max", "4096\n");
    system_file("/m/own/memory.max", "4096\n");
    system_file("/m/app1/x/memory.max", "4096\n");
    system_file("/m/all/app1/memory.max", "%zu\n", (size_t)(2 * GIB));
    cr_assert_eq(memory(), 2 * GIB);
}

Test(cgroup, a_group_outside_of_the_namespace_has_the_limits_of_its_top)
{
    system_file("/proc/self/cgroup", "0::/../other\n");
    system_file("/proc/self/mountinfo", MOUNT_2, "/", "/sys/fs/cgroup");
    system_file("/sys/fs/other/memory.max", "4096\n");
    system_file("/sys/fs/cgroup/memory.max", "%zu\n", (size_t)(1 * GIB));
    cr_assert_eq(memory(), 1 * GIB);
    system_file("/proc/self/mountinfo", MOUNT_2, "/..", "/sys/fs/cgroup");
    system_file("/sys/fs/cgroup/other/memory.max", "%zu\n", (size_t)(300 * MIB));
    cr_assert_eq(memory(), 300 * MIB, "the mount shows what is outside");
}

Test(cgroup, version_1)
{
    system_file("/proc/self/cgroup", "9:cpu,cpuacct:/c\n4:memory:/a/b\n1:name=systemd:/s\n");
    system_file("/proc/self/mountinfo", OTHERS MOUNT_1, "/", "/sys/fs/cgroup/memory");
    system_file("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    cr_assert_eq(memory(), 16 * GIB, "its word for unlimited");
    system_file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "%zu\n", (size_t)(2 * GIB));
    cr_assert_eq(memory(), 2 * GIB);
    system_file("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "%zu\n", (size_t)(1 * GIB));
    cr_assert_eq(memory(), 1 * GIB);
    system_file("/sys/fs/cgroup/memory/a/b/memory.max", "4096\n");
    system_file("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "4096\n");
    cr_assert_eq(memory(), 1 * GIB, "a file of version 2, and the group of another controller");
}

Test(cgroup, version_1_with_controllers_mounted_together)
{
    system_file("/proc/self/cgroup", "4:cpu,memory,hugetlb:/a\n");
    system_file("/proc/self/mountinfo",
                "35 31 0:32 / /cg rw - cgroup none rw,cpu,memory,hugetlb\n");
    system_file("/cg/a/memory.limit_in_bytes", "%zu\n", (size_t)(1 * GIB));
    cr_assert_eq(memory(), 1 * GIB);
    system_file("/proc/self/cgroup", "4:cpu,memory_of_others:/a\n");
    cr_assert_eq(memory(), 16 * GIB, "a likeness of the name");
}

Test(cgroup, both_versions_at_once)
{
    system_file("/proc/self/cgroup", "4:memory:/one\n0::/two\n");
    system_file("/proc/self/mountinfo", MOUNT_1 MOUNT_2, "/", "/sys/fs/cgroup/memory", "/",
                "/sys/fs/cgroup/unified");
    system_file("/sys/fs/cgroup/memory/one/memory.limit_in_bytes", "%zu\n", (size_t)(4 * GIB));
    cr_assert_eq(memory(), 4 * GIB);
    system_file("/sys/fs/cgroup/unified/two/memory.max", "%zu\n", (size_t)(2 * GIB));
    cr_assert_eq(memory(), 2 * GIB);
}

Test(cgroup, names_with_blanks_and_long_lines)
{
    static char options[3 * 4096];
    memset(options, 'x', sizeof options - 1);
    system_file("/proc/self/cgroup", "0::/a b/c\n");
    system_file("/proc/self/mountinfo",
                "9 8 0:1 / /m rw - overlay overlay rw,lowerdir=%s\n" MOUNT_2, options, "/",
                "/my\\040groups");
    system_file("/my groups/a b/memory.max", "%zu\n", (size_t)(1 * GIB));
    cr_assert_eq(memory(), 1 * GIB);
}

Test(cgroup, damaged_files_limit_nothing)
{
    static const char *const groups[] = {"", "\n", "0\n", "0:\n", "0::\n", "0::x\n", "0::/a"};
    static const char *const mounts[] = {"",
                                         "\n",
                                         "1 2 3\n",
                                         " - \n",
                                         "1 - cgroup2\n",
                                         "1 2 0:3 / - cgroup2 x\n",
                                         "1 2 0:3 / /m - cgroup2\n"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        for (size_t j = 0; j < sizeof mounts / sizeof *mounts; j++) {
            system_file("/proc/self/cgroup", "%s", groups[i]);
            system_file("/proc/self/mountinfo", "%s", mounts[j]);
            cr_assert_eq(memory(), 16 * GIB);
        }
    system_file("/proc/self/cgroup", "0::/a\n");
    system_file("/proc/self/mountinfo", MOUNT_2, "/", "/m");
    static const char *const limits[] = {"", "\n", "-5\n", "x\n", " 7\n"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        system_file("/m/a/memory.max", "%s", limits[i]);
        cr_assert_eq(memory(), 16 * GIB, "\"%s\"", limits[i]);
    }
}

/* -- a fraction of it -------------------------------------------------------------------------- */

static size_t limit_of(weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(a, &s), 0);
    return s.limit;
}

static weir_allocator *limited(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    cr_assert_not_null(a);
    system_file("/proc/self/cgroup", "0::/a\n");
    system_file("/proc/self/mountinfo", MOUNT_2, "/", "/m");
    system_file("/m/a/memory.max", "1000000\n");
    return a;
}

/* A path that is written with a backslash which begins no escape. */
Test(cgroup, an_escape_that_is_none_stands_for_itself)
{
    static const char *const points[] = {"/m\\9x", "/m\\04", "/m\\0", "/m\\", "/m\\x40"};
    system_file("/proc/self/cgroup", "0::/\n");
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/memory.max", points[i]);
        system_file("/proc/self/mountinfo", MOUNT_2, "/", points[i]);
        system_file(name, "%zu\n", (i + 1) * (size_t)(100 * MIB));
        cr_assert_eq(memory(), (i + 1) * (size_t)(100 * MIB), "%s", points[i]);
    }
}

Test(cgroup, a_path_that_does_not_fit_limits_nothing)
{
    char line[4096] = "0::/";
    system_file("/proc/self/mountinfo", MOUNT_2 "no mount\n", "/", "/sys/fs/cgroup");
    for (int length = 1000; length <= 3000; length += 10) {
        memset(line + 4, 'a', (size_t)length);
        line[4 + length] = 0;
        system_file("/proc/self/cgroup", "%s\n", line);
        cr_assert_eq(memory(), 16 * GIB, "a path of %d bytes", length);
    }
    system_file("/sys/fs/cgroup/memory.max", "%zu\n", (size_t)(100 * MIB));
    memset(line + 4, 'a', 1000);
    line[1004] = 0;
    system_file("/proc/self/cgroup", "%s\n", line);
    cr_assert_eq(memory(), 100 * MIB, "the limit of the top");
}

Test(cgroup, a_fraction_is_of_the_groups_limit)
{
    weir_allocator *a = limited();
    cr_assert_eq(weir__limit_set_fraction(a, 0.5, system_root), 0);
    cr_assert_eq(limit_of(a), 500000);
    void *block = weir_allocate(a, 500000);
    cr_assert_not_null(block);
    errno = 0;
    cr_assert_null(weir_allocate(a, 1));
    cr_assert_eq(errno, ENOMEM);
    cr_assert_eq(weir__limit_set_fraction(a, 1, system_root), 0);
    cr_assert_eq(limit_of(a), 1000000);
    cr_assert_eq(weir__limit_set_fraction(a, 0.25, system_root), EBUSY);
    cr_assert_eq(limit_of(a), 1000000, "a failed call changes nothing");
    weir_deallocate(a, block);
    cr_assert_eq(weir__limit_set_fraction(a, 1e-300, system_root), 0);
    cr_assert_eq(limit_of(a), 1, "not 0, which is none");
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(cgroup, impossible_fractions_are_refused)
{
    static const double fractions[] = {0, -0.5, 1.0001, 90, __builtin_inf(), -__builtin_inf()};
    weir_allocator *a = limited();
    cr_assert_eq(weir_set_limit(a, 12345), 0);
    for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++) {
        cr_assert_eq(weir_set_limit_fraction(a, fractions[i]), EINVAL, "%g", fractions[i]);
        cr_assert_not_null(strstr(weir_last_error(), "at most 1"));
    }
    cr_assert_eq(weir_set_limit_fraction(a, __builtin_nan("")), EINVAL);
    cr_assert_eq(weir_set_limit_fraction(NULL, 0.5), EINVAL);
    cr_assert_eq(unlink(system_path("/proc/meminfo")), 0);
    cr_assert_eq(weir__limit_set_fraction(a, 0.5, system_root), ENOTSUP);
    cr_assert_eq(limit_of(a), 12345);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

static void *user_allocate(void *user, size_t size, size_t alignment)
{
    (void)user, (void)alignment;
    return malloc(size);
}

static void user_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)size, (void)alignment;
    free(block);
}

static int user_zero(void *user, void *block, size_t size)
{
    (void)user;
    memset(block, 0, size);
    return 0;
}

static int user_copy(void *user, void *to, const void *from, size_t size)
{
    (void)user;
    memcpy(to, from, size);
    return 0;
}

Test(cgroup, memory_that_the_host_cannot_touch_is_no_part_of_it)
{
    weir_allocator_functions functions = {.allocate = user_allocate,
                                          .deallocate = user_deallocate,
                                          .zero = user_zero,
                                          .copy = user_copy};
    weir_allocator_options options = {
        .parent = WEIR_NO_PARENT, .source = WEIR_SOURCE_FUNCTIONS, .functions = &functions};
    weir_allocator *a = weir_allocator_create(&options);
    cr_assert_not_null(a);
    cr_assert_eq(weir_set_limit_fraction(a, 0.5), ENOTSUP);
    cr_assert_eq(limit_of(a), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* This machine, as it is. */
Test(cgroup, here)
{
    uint64_t bytes = 0;
    weir_allocator *a = weir_allocator_create(NULL);
    cr_assert(weir__cgroup_memory("", &bytes));
    cr_assert_gt(bytes, 1000000);
    cr_assert_leq(bytes, (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    cr_assert_eq(weir_set_limit_fraction(a, 0.5), 0);
    cr_assert_eq(limit_of(a), bytes / 2);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* -- pressure ---------------------------------------------------------------------------------- */

Test(cgroup, pressure_is_the_groups_else_the_machines)
{
    char path[4096];
    cr_assert_not(weir__cgroup_pressure(system_root, path, sizeof path));
    system_file("/proc/pressure/memory", "some\n");
    cr_assert(weir__cgroup_pressure(system_root, path, sizeof path));
    cr_assert_str_eq(path, system_path("/proc/pressure/memory"));
    system_file("/proc/self/cgroup", "4:memory:/one\n0::/a\n");
    system_file("/proc/self/mountinfo", MOUNT_1 MOUNT_2, "/", "/one", "/", "/m");
    system_file("/m/memory.pressure", "some\n");
    system_file("/one/one/memory.pressure_level", "x\n");
    cr_assert(weir__cgroup_pressure(system_root, path, sizeof path));
    cr_assert_str_eq(path, system_path("/proc/pressure/memory"), "not that of a group above");
    system_file("/m/a/memory.pressure", "some\n");
    cr_assert(weir__cgroup_pressure(system_root, path, sizeof path));
    cr_assert_str_eq(path, system_path("/m/a/memory.pressure"));
    cr_assert_not(weir__cgroup_pressure(system_root, path, strlen(system_root) + 2));
}
