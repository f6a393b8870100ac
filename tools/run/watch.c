/*
 * tools/run/watch.c - looks at the shared memory now and then while the program runs: finds
 * new process images, follows their lives, has their recordings written, and gives the
 * parts of those that are over back to the memory. Owns the list of all images of the run.
 *
 * The programs write the memory, so every index and every size in it is checked, and what
 * is used twice is copied first.
 */
#include "tools/run/run.h"

#include "observe/ticks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LIVES_NS     20000000u /* between two questions whether processes live, */
#define LIFE_NS      1000000u  /* and so much more for each of them */
#define SAMPLE_NS    50000000u /* between two samples of a process's resident memory */
#define SAMPLES_MOST 64        /* of them in one look */

struct run_watch *run_watch_make(struct run *run)
{
    struct run_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        fprintf(stderr, "weir run: out of memory\n");
        return NULL;
    }
    watch->run = run;
    watch->last = &watch->first;
    return watch;
}

static void image_free(struct run_image *image)
{
    free(image->program);
    free(image->command);
    free(image->classes);
    free(image);
}

void run_watch_drop(struct run_watch *watch)
{
    for (struct run_image *i = watch->first, *next; i; i = next) {
        next = i->next;
        image_free(i);
    }
    free(watch);
}

/* -- images --------------------------------------------------------------------------------- */

static struct run_image **list_of_process(struct run_watch *watch, int pid)
{
    return &watch->processes[(unsigned)pid % RUN_PROCESSES];
}

static struct run_image *image_of_process(struct run_watch *watch, int pid)
{
    for (struct run_image *i = *list_of_process(watch, pid); i; i = i->same)
        if (i->pid == pid && i->kind == WEIR__RUN_MALLOC && !(i->over && i->ending != RUN_EXECED))
            return i;
    return NULL;
}

static void image_link(struct run_watch *watch, struct run_image *image)
{
    struct run_image **list = list_of_process(watch, image->pid);
    image->next = NULL;
    *watch->last = image;
    watch->last = &image->next;
    image->same = *list;
    image->number = ++watch->numbered;
    *list = image;
    watch->count++;
}

static void text_copy(char *to, const char *from, size_t size)
{
    memcpy(to, from, size);
    to[size - 1] = '\0';
}

/* A name that will be printed as it is: it steers no terminal. */
static void name_copy(char *to, const char *from, size_t size)
{
    text_copy(to, from, size);
    for (char *at = to; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

static struct run_image *image_add(struct run_watch *watch, uint32_t index,
                                   const struct weir__run_image *from)
{
    struct run_image *image = calloc(1, sizeof *image);
    if (!image)
        return NULL;
    struct run_image *before = image_of_process(watch, from->pid);
    if (from->flags & WEIR__RUN_FORKED || from->kind != WEIR__RUN_MALLOC)
        before = NULL; /* of another process of that number; or the second heap of one */
    image->index = index;
    image->serial = from->serial;
    image->taken_at = from->taken_at;
    image->started = from->started;
    image->pid = from->pid;
    image->parent = from->parent;
    image->kind = from->kind;
    image->flags = from->flags;
    image->execution = from->execution;
    image->nth = before ? before->nth + 1 : 1;
    image->program = strndup(from->program, sizeof from->program - 1);
    image->command = strndup(from->command, sizeof from->command - 1);
    if (!image->program || !image->command) {
        image_free(image);
        return NULL;
    }
    size_t length = strlen(image->command);
    image->arguments = image->command + (from->word < length ? from->word : length);
    if (before) {
        before->after = image;
        image->seen_alive = before->seen_alive;
        for (struct run_image *i = *list_of_process(watch, image->pid); i; i = i->same)
            if (i->pid == image->pid && i->kind == WEIR__RUN_LIBWEIR &&
                i->execution != image->execution && !i->over)
                i->after = image;
    }
    image_link(watch, image);
    return watch->at[index] = image;
}

/* Of two images the one that was taken first. */
static int by_serial(const void *a, const void *b)
{
    const struct weir__run_image *left = *(const struct weir__run_image *const *)a,
                                 *right = *(const struct weir__run_image *const *)b;
    return left->serial < right->serial ? -1 : left->serial > right->serial;
}

/* Images of one process are known in the order in which they were taken, wherever they lie:
 * the nth is called so, and follows the one before it. */
static unsigned images_add(struct run_watch *watch, const struct weir__run_image copies[],
                           const struct weir__run_image *found[], unsigned n)
{
    unsigned added = 0;
    qsort(found, n, sizeof *found, by_serial);
    for (unsigned i = 0; i < n; i++)
        added += image_add(watch, (uint32_t)(found[i] - copies), found[i]) != NULL;
    return added;
}

/* One that was taken after this look began is left to the next, whatever it says of itself then:
 * the one before it may lie where was looked already. */
static bool image_is_due(struct run_watch *watch, uint32_t index, uint64_t serial, uint64_t began)
{
    bool due = serial <= began || watch->left[index] || watch->run->ended;
    watch->left[index] = !due;
    return due;
}

/* A copy of each image in use; images[i] is NULL where there is none. */
static unsigned images_copy(struct run_watch *watch, struct weir__run_image copies[],
                            const struct weir__run_image *images[])
{
    static const struct weir__run_image *found[WEIR__RUN_IMAGES];
    struct weir__run_head *head = watch->run->page;
    const uint32_t *owners = weir__run_image_owner(head);
    uint64_t began = __atomic_load_n(&head->serial, __ATOMIC_ACQUIRE);
    unsigned n = 0;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        images[i] = NULL;
        if (__atomic_load_n(&owners[i], __ATOMIC_ACQUIRE) == 0)
            continue;
        struct weir__run_image *from = weir__run_image(head, i);
        if (__atomic_load_n(&from->state, __ATOMIC_ACQUIRE) == WEIR__RUN_STARTING)
            continue;
        weir__torn_copy(&copies[i], from, sizeof copies[i]);
        if (watch->at[i])
            images[i] = &copies[i];
        else if (image_is_due(watch, i, copies[i].serial, began))
            found[n++] = &copies[i];
    }
    unsigned added = images_add(watch, copies, found, n);
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = (uint32_t)(found[i] - copies);
        images[at] = watch->at[at] ? found[i] : NULL;
    }
    return added;
}

/* What the copy says that can still change. True: the peak rose. */
static bool image_update(struct run_image *image, const struct weir__run_image *copy,
                         const struct run_tallies *tallies, uint64_t now)
{
    struct run_figures figures = run_figures_of(copy, tallies);
    bool rose = figures.peak > image->figures.peak;
    if (!figures.peak_at)
        figures.peak_at = rose ? now : image->figures.peak_at;
    image->figures = figures;
    image->flags = copy->flags;
    image->done = copy->state == WEIR__RUN_EXITED;
    image->looked = now;
    image->lost = copy->lost;
    name_copy(image->lost_program, copy->lost_program, sizeof image->lost_program);
    return rose;
}

/* Its process has ended, or it became another program: nobody writes it any more. */
static void image_end(struct run_watch *watch, struct run_image *image,
                      const struct weir__run_image *copy, uint64_t now)
{
    image->over = true;
    image->ended = now;
    run_process_outside(image);
    image->ending = image->after                       ? RUN_EXECED
                    : copy->state == WEIR__RUN_EXITED  ? RUN_EXITED
                    : copy->state == WEIR__RUN_EXECING ? RUN_LOST
                    : image->pid == watch->run->pid && watch->run->ended
                        ? WIFEXITED(watch->run->status) ? RUN_EXITED : RUN_KILLED
                        : RUN_ENDED;
    if (copy->exact && (watch->run->json || watch->run->sizes))
        image->classes = malloc(sizeof copy->classes);
    if (image->classes)
        memcpy(image->classes, copy->classes, sizeof copy->classes);
}

/* -- those that are forgotten ---------------------------------------------------------------- */

static int by_peak(const void *a, const void *b)
{
    uint64_t left = (*(struct run_image *const *)a)->figures.peak,
             right = (*(struct run_image *const *)b)->figures.peak;
    return left < right ? -1 : left > right;
}

/* Marks `n` of those that are over, the smallest, but what the program was last. */
static void images_mark(struct run_watch *watch, unsigned n)
{
    const struct run_image *last = run_last_of_program(watch->run);
    struct run_image **over = malloc(watch->count * sizeof *over);
    unsigned count = 0;
    if (!over)
        return;
    for (struct run_image *i = watch->first; i; i = i->next)
        if (i->over && i != last)
            over[count++] = i;
    qsort(over, count, sizeof *over, by_peak);
    for (unsigned i = 0; i < n && i < count; i++)
        over[i]->dropped = true;
    free(over);
}

/* What was marked is unlinked, and then freed: `after` leads on to what is kept. */
static void images_drop(struct run_watch *watch)
{
    struct run_image *at = watch->first, *dropped = NULL;
    for (struct run_image *i = at; i; i = i->next)
        while (i->after && i->after->dropped)
            i->after = i->after->after;
    memset(watch->processes, 0, sizeof watch->processes);
    watch->first = NULL;
    watch->last = &watch->first;
    watch->count = 0;
    for (struct run_image *next; at; at = next) {
        next = at->next;
        if (!at->dropped) {
            image_link(watch, at);
            continue;
        }
        watch->lost++;
        at->next = dropped;
        dropped = at;
    }
    for (struct run_image *next; dropped; dropped = next) {
        next = dropped->next;
        image_free(dropped);
    }
}

/* A build has any number of processes, and who writes images as fast as they are read is not
 * to fill our memory: beyond a bound the smallest are counted, no more. */
static void images_thin(struct run_watch *watch)
{
    if (watch->count <= RUN_IMAGES_KEPT + WEIR__RUN_IMAGES)
        return;
    images_mark(watch, watch->count - RUN_IMAGES_KEPT / 4 * 3);
    images_drop(watch);
}

static void tree_look(struct run_watch *watch, uint64_t now)
{
    uint64_t sum = 0;
    unsigned processes = 0;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++)
        if (watch->at[i] && !watch->at[i]->over && !watch->at[i]->done && !watch->at[i]->after) {
            sum += watch->at[i]->figures.live;
            processes += watch->at[i]->kind == WEIR__RUN_MALLOC;
        }
    if (sum > watch->tree_peak) {
        watch->tree_peak = sum;
        watch->tree_peak_at = now;
        watch->tree_processes = processes;
    }
}

/* One process alone may have had more, between two looks. */
static void tree_complete(struct run_watch *watch)
{
    const struct run_image *largest = run_largest(watch->run);
    if (!largest || largest->figures.peak <= watch->tree_peak)
        return;
    watch->tree_peak = largest->figures.peak;
    watch->tree_peak_at = largest->figures.peak_at;
    watch->tree_processes = 1;
}

/* -- lives ----------------------------------------------------------------------------------- */

/*
 * Over is what became another image, and what was seen alive and is not there any more. Of
 * one that was never seen alive only its own word counts, that it exited: its number may be
 * that of another PID namespace.
 */
static bool image_is_over(struct run_image *image, const struct weir__run_image *copy)
{
    if (image->after)
        return true;
    if (run_process_lives(image)) {
        image->seen_alive = true;
        return false;
    }
    return image->seen_alive || copy->state == WEIR__RUN_EXITED;
}

static void image_parts_free(struct run_watch *watch, struct run_image *image)
{
    void *page = watch->run->page;
    struct weir__run_head *head = page;
    uint32_t owner = image->index + 1, *owners = weir__run_tally_owner(page);
    for (uint32_t i = 0; i < WEIR__RUN_TALLIES; i++)
        if (__atomic_load_n(&owners[i], __ATOMIC_RELAXED) == owner) {
            char *tally = weir__run_tally_page(page, watch->run->unit, i);
            size_t size = sizeof(struct weir__tally);
            weir__torn_clear(tally + watch->run->unit - size, size);
            __atomic_store_n(&owners[i], 0, __ATOMIC_RELEASE);
            if (i < __atomic_load_n(&head->tally_hint, __ATOMIC_RELAXED))
                __atomic_store_n(&head->tally_hint, i, __ATOMIC_RELAXED);
        }
    watch->at[image->index] = NULL;
    weir__torn_clear(weir__run_image(page, image->index), sizeof(struct weir__run_image));
    if (image->index < __atomic_load_n(&head->image_hint, __ATOMIC_RELAXED))
        __atomic_store_n(&head->image_hint, image->index, __ATOMIC_RELAXED);
    __atomic_store_n(&weir__run_image_owner(page)[image->index], 0, __ATOMIC_RELEASE);
}

/* -- a look ------------------------------------------------------------------------------------ */

/* How the program itself ended says the wait for it. */
static bool is_waited_for(const struct run_watch *watch, const struct run_image *image)
{
    return image->pid == watch->run->pid && !watch->run->ended;
}

static void lives_look(struct run_watch *watch, const struct weir__run_image *const images[],
                       uint64_t now)
{
    uint64_t alive = 0;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        if (!watch->at[i] || !images[i] || watch->at[i]->over)
            continue;
        watch->at[i]->over = is_waited_for(watch, watch->at[i])
                                 ? watch->at[i]->after != NULL
                                 : image_is_over(watch->at[i], images[i]);
        alive += !watch->at[i]->over;
    }
    watch->lives_next = now + LIVES_NS + alive * LIFE_NS;
}

static void samples_take(struct run_watch *watch, const struct weir__run_image *const images[],
                         uint64_t now)
{
    static uint64_t sampled;
    unsigned left = SAMPLES_MOST;
    if (now - sampled < SAMPLE_NS)
        return;
    sampled = now;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES && left; i++) {
        struct run_image *image = watch->at[i];
        if (!image || !images[i] || image->over || image->after ||
            image->kind != WEIR__RUN_MALLOC || images[i]->state == WEIR__RUN_EXECING)
            continue;
        uint64_t of_files = 0, resident = run_process_sample(image, &of_files);
        if (resident && image->recording)
            run_record_sample(image->recording, images[i]->account.sequence, resident,
                              images[i]->reserved, of_files);
        left--;
    }
}

/* Those that are over: nobody writes them any more, so this is what they came to. */
static void over_finish(struct run_watch *watch)
{
    static struct weir__run_image copies[WEIR__RUN_IMAGES];
    static const struct weir__run_image *images[WEIR__RUN_IMAGES];
    static struct run_tallies sums[WEIR__RUN_IMAGES];
    uint64_t now = run_clock();
    bool any = false;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        images[i] = NULL;
        if (!watch->at[i] || !watch->at[i]->over)
            continue;
        weir__torn_copy(&copies[i], weir__run_image(watch->run->page, i), sizeof copies[i]);
        images[i] = &copies[i];
        any = true;
    }
    if (!any)
        return;
    run_tallies_sum(watch->run->page, watch->run->unit, images, sums);
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        struct run_image *image = watch->at[i];
        if (!images[i])
            continue;
        image_update(image, images[i], &sums[i], now);
        image_end(watch, image, images[i], now);
    }
    run_chunks_look(watch, false);
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        if (!images[i])
            continue;
        struct run_image *image = watch->at[i];
        if (images[i]->account.sequence)
            run_record_of(watch->run, image); /* perhaps all of it was lost */
        /* A number that was never seen alive may be that of another PID namespace. */
        if (image->recording && (image->seen_alive || image->pid == watch->run->pid))
            run_names_write(image->recording, image);
        if (image->recording)
            run_record_end(image->recording, images[i]);
        image_parts_free(watch, image);
    }
}

/* Figures of all that are there. */
static bool images_look(struct run_watch *watch, const struct weir__run_image *images[],
                        struct weir__run_image copies[])
{
    static struct run_tallies sums[WEIR__RUN_IMAGES];
    uint64_t now = run_clock();
    bool busy = images_copy(watch, copies, images) > 0;
    run_tallies_sum(watch->run->page, watch->run->unit, images, sums);
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++)
        if (images[i])
            busy |= image_update(watch->at[i], images[i], &sums[i], now);
    tree_look(watch, now);
    return busy;
}

bool run_watch_look(struct run_watch *watch)
{
    static struct weir__run_image copies[WEIR__RUN_IMAGES];
    static const struct weir__run_image *images[WEIR__RUN_IMAGES];
    struct weir__run_head *head = watch->run->page;
    bool busy = images_look(watch, images, copies);
    uint64_t now = run_clock();
    __atomic_store_n(&head->clock, weir__ticks_now(), __ATOMIC_RELAXED);
    busy |= run_chunks_look(watch, false);
    samples_take(watch, images, now);
    if (now >= watch->lives_next)
        lives_look(watch, images, now);
    over_finish(watch);
    images_thin(watch);
    return busy;
}

/* Processes that the program left behind: their figures are of this moment, and their
 * recordings end here, without a footer. */
void run_watch_end(struct run_watch *watch)
{
    static struct weir__run_image copies[WEIR__RUN_IMAGES];
    static const struct weir__run_image *images[WEIR__RUN_IMAGES];
    struct weir__run_head *head = watch->run->page;
    images_look(watch, images, copies);
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++)
        if (watch->at[i] && watch->at[i]->pid == watch->run->pid)
            watch->at[i]->seen_alive = true; /* it is the one that was waited for */
    lives_look(watch, images, run_clock());
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++)
        if (watch->at[i] &&
            (!watch->at[i]->seen_alive || (images[i] && images[i]->state == WEIR__RUN_EXITED)))
            watch->at[i]->over = true; /* of another namespace, or it ended unseen; or it says
                                          so, and who has its number here is another */
    over_finish(watch);
    tree_complete(watch);
    __atomic_store_n(&head->closed, 1, __ATOMIC_SEQ_CST);
    run_chunks_look(watch, true);
    watch->lost += __atomic_load_n(&head->noted_lost, __ATOMIC_RELAXED);
}
