/* What is known of a program before it is run, and where it is looked for: files that are made
 * here. */
#include "base/program_file.h"

#include "../helpers/scratch.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OTHER = 65534 }; /* nobody */

static char folder[SCRATCH_PATH_MAX];
static struct weir__program_file about;

static const char *path_of(const char *name)
{
    static char path[SCRATCH_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void file_make(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(path_of(name), "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path_of(name), mode), 0);
}

static void setup(void)
{
    scratch_path(folder, "programs");
    cr_assert_eq(mkdir(folder, 0755), 0);
}

static void teardown(void)
{
    char command[SCRATCH_PATH_MAX + 16];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(program_file, .init = setup, .fini = teardown);

/* errno is kept. */
static void examine(const char *path, const char *loader, bool shell)
{
    errno = ENODATA;
    weir__program_file_examine(path, loader, shell, &about);
    cr_assert_eq(errno, ENODATA);
}

#define EXPECT_ERROR(path, code)                                                                   \
    do {                                                                                           \
        examine(path, NULL, false);                                                                \
        cr_expect_eq(about.error, code, "%s: %d", path, about.error);                              \
    } while (0)
#define EXPECT_LOST(path, loader, why)                                                             \
    do {                                                                                           \
        examine(path, loader, false);                                                              \
        cr_expect_eq(about.error, 0, "%s: %d", path, about.error);                                 \
        cr_expect_eq(about.lost, why, "%s: %u", path, about.lost);                                 \
    } while (0)

Test(program_file, what_cannot_be_run)
{
    EXPECT_ERROR(path_of("none"), ENOENT);
    EXPECT_ERROR(folder, EISDIR);
    cr_assert_eq(mkfifo(path_of("fifo"), 0755), 0);
    EXPECT_ERROR(path_of("fifo"), EACCES);
    file_make("text", "#!/bin/sh\n", 0644);
    EXPECT_ERROR(path_of("text"), EACCES);
}

Test(program_file, text_is_run_by_whom_it_names)
{
    file_make("script", "#! \t/bin/sh -e\n", 0755);
    EXPECT_ERROR(path_of("script"), 0);
    cr_expect_str_eq(about.interpreter, "/bin/sh");
    static const char *const texts[] = {"", "x", "#x/bin/sh\n", "#!", "#!  \n/bin/sh", "\177EL"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        file_make("text", texts[i], 0755);
        EXPECT_ERROR(path_of("text"), ENOEXEC);
        examine(path_of("text"), NULL, true);
        cr_expect_eq(about.error, 0, "\"%s\"", texts[i]);
        cr_expect_str_eq(about.interpreter, "/bin/sh", "\"%s\"", texts[i]);
    }
}

/* The kernel follows five. */
Test(program_file, scripts_of_scripts)
{
    char name[16], text[2 * SCRATCH_PATH_MAX];
    file_make("s0", "#!/bin/sh\n", 0755);
    for (int i = 1; i < 7; i++) {
        snprintf(name, sizeof name, "s%d", i - 1);
        snprintf(text, sizeof text, "#!%s\n", path_of(name));
        snprintf(name, sizeof name, "s%d", i);
        file_make(name, text, 0755);
        EXPECT_ERROR(path_of(name), i < 5 ? 0 : ELOOP);
    }
    snprintf(text, sizeof text, "#!%s\n", path_of("none"));
    file_make("lost", text, 0755);
    EXPECT_ERROR(path_of("lost"), ENOENT);
}

Test(program_file, programs_of_this_loader_and_of_others)
{
    const char *own = weir__program_loader();
    if (!own)
        cr_skip("a static program");
    EXPECT_LOST("/proc/self/exe", own, WEIR__LOST_NOT);
    EXPECT_LOST("/proc/self/exe", NULL, WEIR__LOST_NOT);
    EXPECT_LOST("/proc/self/exe", "ld-other.so", WEIR__LOST_LOADER);
    file_make("damaged", "\177ELF and no more", 0755);
    EXPECT_LOST(path_of("damaged"), own, WEIR__LOST_MACHINE);
}

/* The loader itself has none, and carries the library when it is run. */
Test(program_file, the_loader_is_a_program_too)
{
    char line[4096], path[4096] = "";
    const char *own = weir__program_loader();
    FILE *maps = own ? fopen("/proc/self/maps", "r") : NULL;
    while (maps && !*path && fgets(line, sizeof line, maps))
        if (strstr(line, own))
            sscanf(line, "%*s %*s %*s %*s %*s %4095s", path);
    if (maps)
        fclose(maps);
    if (!*path)
        cr_skip("no loader here");
    EXPECT_LOST(path, strrchr(path, '/') + 1, WEIR__LOST_NOT);
    EXPECT_LOST(path, "ld-other.so", WEIR__LOST_STATIC);
    EXPECT_LOST(path, NULL, WEIR__LOST_STATIC);
}

Test(program_file, rights_that_are_raised)
{
    if (geteuid() != 0)
        cr_skip("only root gives files away");
    file_make("program", "\177ELF and no more", 0755);
    const char *path = path_of("program");
    cr_assert_eq(chmod(path, 04755), 0);
    EXPECT_LOST(path, NULL, WEIR__LOST_MACHINE); /* our own file */
    cr_assert_eq(chmod(path, 02755), 0);
    EXPECT_LOST(path, NULL, WEIR__LOST_MACHINE);
    cr_assert_eq(chown(path, OTHER, OTHER), 0);
    EXPECT_LOST(path, NULL, WEIR__LOST_MACHINE); /* chown took the bits */
    cr_assert_eq(chmod(path, 04755), 0);
    EXPECT_LOST(path, NULL, WEIR__LOST_RIGHTS);
    cr_assert_eq(chmod(path, 02755), 0);
    EXPECT_LOST(path, NULL, WEIR__LOST_RIGHTS);
    cr_assert_eq(chmod(path, 02745), 0);
    EXPECT_LOST(path, NULL, WEIR__LOST_MACHINE); /* a mark of another meaning */
}

/* It may be run all the same. Whoever is not root asks for its capabilities, of which it has none.
 */
Test(program_file, what_cannot_be_read)
{
    char unread[SCRATCH_PATH_MAX + 64], raised[SCRATCH_PATH_MAX + 64];
    bool root = geteuid() == 0;
    file_make("read", "\177ELF and no more", 0755);
    file_make("unread", "\177ELF and no more", 0111);
    snprintf(unread, sizeof unread, "%s", path_of("unread"));
    file_make("raised", "\177ELF and no more", 0111);
    snprintf(raised, sizeof raised, "%s", path_of("raised"));
    if (root) {
        cr_assert_eq(chown(raised, OTHER - 1, OTHER - 1), 0);
        cr_assert_eq(chmod(raised, 04111), 0);
        cr_assert_eq(seteuid(OTHER), 0);
    }
    EXPECT_LOST(unread, NULL, WEIR__LOST_NOT);
    EXPECT_LOST(raised, NULL, root ? WEIR__LOST_RIGHTS : WEIR__LOST_NOT);
    EXPECT_LOST(path_of("read"), NULL, WEIR__LOST_MACHINE);
    if (root)
        cr_assert_eq(seteuid(0), 0);
}

Test(program_file, a_name_is_looked_for)
{
    char found[SCRATCH_PATH_MAX + 64], path[2 * SCRATCH_PATH_MAX];
    file_make("weir-none-such", "", 0755);
    file_make("weir-plain", "", 0644);
    errno = ENODATA;
    snprintf(path, sizeof path, "/nowhere:%s", folder);
    cr_expect_eq(weir__program_file_find("weir-none-such", path, found, sizeof found), 0);
    cr_expect_str_eq(found, path_of("weir-none-such"));
    cr_expect_eq(weir__program_file_find("weir-plain", path, found, sizeof found), EACCES);
    cr_expect_eq(weir__program_file_find("weir-missing", path, found, sizeof found), ENOENT);
    cr_expect_eq(weir__program_file_find("", path, found, sizeof found), ENOENT);
    cr_expect_eq(weir__program_file_find("weir-none-such", path, found, 16), ENOENT, "no room");
    cr_expect_eq(weir__program_file_find("sh", NULL, found, sizeof found), 0);
    cr_expect_str_eq(found, "/bin/sh");
    cr_expect_eq(weir__program_file_find(path_of("weir-plain"), NULL, found, sizeof found), 0);
    cr_expect_str_eq(found, path_of("weir-plain"));
    cr_expect_eq(weir__program_file_find(path_of("weir-missing"), NULL, found, sizeof found),
                 ENOENT);
    cr_expect_eq(weir__program_file_find("/nowhere/at/all", NULL, found, 15), ENAMETOOLONG);
    cr_assert_eq(chdir(folder), 0);
    cr_expect_eq(weir__program_file_find("weir-none-such", "", found, sizeof found), 0);
    cr_expect_str_eq(found, "./weir-none-such");
    cr_expect_eq(weir__program_file_find("weir-none-such", "/nowhere:", found, sizeof found), 0);
    cr_expect_str_eq(found, "./weir-none-such");
    cr_expect_eq(errno, ENODATA, "errno is kept");
}

Test(program_file, runtimes_of_sanitizers_by_their_names)
{
    static const struct {
        const char *name;
        enum weir__lost which;
    } cases[] = {{"libasan.so.8", WEIR__LOST_ASAN},
                 {"libclang_rt.asan-x86_64.so", WEIR__LOST_ASAN},
                 {"libhwasan.so.0", WEIR__LOST_HWASAN},
                 {"libclang_rt.hwasan.so", WEIR__LOST_HWASAN},
                 {"libtsan.so.2", WEIR__LOST_TSAN},
                 {"libclang_rt.tsan.so", WEIR__LOST_TSAN},
                 {"libclang_rt.msan.so", WEIR__LOST_MSAN},
                 {"libubsan.so.1", WEIR__LOST_NOT},
                 {"asan", WEIR__LOST_NOT},
                 {"", WEIR__LOST_NOT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(weir__sanitizer_of(cases[i].name), cases[i].which, "%s", cases[i].name);
}
