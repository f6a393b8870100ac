/* tools/run/page.c - see page.h. */
#include "tools/run/page.h"
#include "tools/common/text.h"
#include "tools/report/namer.h"
#include "tools/report/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder; /* of the recordings; NULL: --record says where they go */

static bool refuse(const char *path, const char *why)
{
    fprintf(stderr, "weir run: %s: %s\n", path, why);
    return false;
}

bool run_page_prepare(struct run *run)
{
    const char *temporary = getenv("TMPDIR");
    char *path;
    if (run->record)
        return true;
    if (asprintf(&folder, "%s/weir-run-XXXXXX", temporary && *temporary ? temporary : "/tmp") < 0)
        folder = NULL;
    if (!folder || !mkdtemp(folder)) {
        refuse(folder ? folder : run->html, strerror(errno));
        free(folder);
        folder = NULL;
        return false;
    }
    if (asprintf(&path, "%s/trace", folder) < 0)
        return refuse(folder, strerror(ENOMEM));
    run->record = path;
    run->passing = true;
    return true;
}

static void folder_remove(void)
{
    for (const struct run_recording *r = run_record_first(); r; r = r->next)
        if (r->path)
            unlink(r->path);
    rmdir(folder);
    free(folder);
    folder = NULL;
}

/* The process with the greatest peak that was recorded. */
static const struct run_image *image_choose(const struct run *run)
{
    const struct run_image *found = NULL;
    for (const struct run_image *i = run->watch->first; i; i = i->next)
        if (i->recording && i->recording->path && i->recording->headed &&
            (!found || i->figures.peak > found->figures.peak))
            found = i;
    return found;
}

static bool file_write(const struct run *run, const struct report *report)
{
    FILE *to = fopen(run->html, "we");
    struct stat about;
    if (!to)
        return refuse(run->html, strerror(errno));
    bool regular = fstat(fileno(to), &about) == 0 && S_ISREG(about.st_mode);
    page_write(to, report, NULL);
    bool failed = ferror(to);
    int error = errno;
    if (fclose(to) != 0 && !failed) {
        failed = true;
        error = errno;
    }
    if (failed && regular)
        unlink(run->html);
    return !failed || refuse(run->html, strerror(error));
}

static bool page_make(const struct run *run, const char *path)
{
    struct trace_info info;
    struct report_names names = {.info = &info};
    struct report_options options = {.problem = report_names_problem,
                                     .namer = report_name_of,
                                     .user = &names,
                                     .by = -1,
                                     .all = true,
                                     .columns = true};
    struct report report = {0};
    int error = trace_info_open_tolerant(&info, path);
    if (!error)
        error = report_make(&report, &info, path, &options);
    bool written = error ? refuse(path, info.why) : file_write(run, &report);
    report_free(&report);
    report_names_end(&names);
    trace_info_close(&info);
    return written;
}

bool run_page_write(const struct run *run, bool say)
{
    const struct run_image *image = image_choose(run);
    bool written = image ? page_make(run, image->recording->path)
                         : refuse(run->html, "nothing was recorded, so there is no page");
    if (written && say) {
        fprintf(stderr, "weir run: %s is of ", run->html);
        text_plain(stderr, image->program, 60);
        fprintf(stderr, " (pid %d)%s\n", image->pid,
                run->watch->count > 1 ? ", the process with the greatest peak" : "");
    }
    if (folder)
        folder_remove();
    return written;
}
