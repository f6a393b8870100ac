/*
 * A program that records itself with stacks, for tests/scripts/report_browser.sh and the sample
 * page: report_program FILE service|leak|many|made|refused|nothing|hostile.
 * Prints the peak since the recording began.
 *
 *   service  a model, requests as runs with layers; a cache that grows by 5 MiB and is freed at the
 *            end; a thread that logs
 *   leak     a list that loses its first half
 *   many     10 million events
 *   made     code made at run time, with the map of its name
 *   refused  requests that are all refused
 *   nothing  none at all
 *   hostile  names that would be something else to a page, a table or a terminal
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <weir/weir.h>

#define FAR  __attribute__((noinline, noclone))
#define KEEP __asm__ volatile("" ::: "memory")
#define RUNS 27

static weir_allocator *cpu;
static char map_path[64]; /* "": there is none */

static FAR void *block_allocate(size_t size)
{
    void *block = weir_allocate(cpu, size);
    if (!block)
        exit(1);
    memset(block, 1, size);
    KEEP;
    return block;
}

static FAR void block_release(void *block)
{
    weir_deallocate(cpu, block);
    KEEP;
}

/* -- a service ----------------------------------------------------------------------------------
 */

static void *weights[24], *cache[RUNS * 64];
static unsigned cached;

static FAR void model_load(void)
{
    weir_trace_mark(WEIR_MARK_MODEL, "encoder", true);
    weir_tag_set(weir_tag_intern("weights"));
    for (unsigned i = 0; i < 24; i++)
        weights[i] = block_allocate(655360);
    weir_tag_set(0);
    weir_trace_mark(WEIR_MARK_MODEL, "encoder", false);
}

/* Asked for with each layer, and kept: what a service forgets to bound. */
static FAR void kv_append(size_t tokens)
{
    weir_tag_set(weir_tag_intern("kv"));
    cache[cached++] = block_allocate(tokens * 32);
    weir_tag_set(0);
    KEEP;
}

static FAR void attention(size_t batch, size_t tokens)
{
    void *scores = block_allocate(batch * tokens * 256), *mask = block_allocate(tokens * 16);
    kv_append(tokens);
    block_release(scores);
    block_release(mask);
}

static FAR void mlp(size_t batch, size_t tokens)
{
    void *up = block_allocate(batch * tokens * 512), *down = block_allocate(batch * tokens * 128);
    block_release(up);
    block_release(down);
}

static FAR void run(unsigned i)
{
    static const size_t batches[] = {1, 4, 2, 8}, lengths[] = {96, 160, 64, 128, 32};
    size_t batch = batches[i % 4], tokens = lengths[i % 5];
    char name[64];
    snprintf(name, sizeof name, "encoder b%zux%zu", batch, tokens);
    weir_trace_mark(WEIR_MARK_RUN, name, true);
    for (unsigned layer = 0; layer < 24; layer++) {
        char part[64];
        snprintf(part, sizeof part, "encoder/layer%u", layer);
        weir_trace_mark(WEIR_MARK_LAYER, part, true);
        attention(batch, tokens * (layer % 3 + 1));
        mlp(batch, tokens * (layer % 3 + 1));
        weir_trace_mark(WEIR_MARK_LAYER, part, false);
    }
    weir_trace_mark(WEIR_MARK_RUN, name, false);
}

static FAR void *logger(void *unused)
{
    void *lines[16] = {0};
    pthread_setname_np(pthread_self(), "logger");
    for (unsigned i = 0; i < 3200; i++) {
        block_release(lines[i % 16]);
        lines[i % 16] = block_allocate(100 + i % 7 * 300);
    }
    for (unsigned i = 0; i < 16; i++)
        block_release(lines[i]);
    return unused;
}

static FAR void service(void)
{
    pthread_t thread;
    model_load();
    if (pthread_create(&thread, NULL, logger, NULL) != 0)
        exit(1);
    for (unsigned i = 0; i < RUNS; i++) {
        run(i);
        usleep(4000); /* until the next request */
    }
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < cached; i++)
        block_release(cache[i]);
    for (unsigned i = 0; i < 24; i++)
        block_release(weights[i]);
}

/* -- the others ---------------------------------------------------------------------------------
 */

struct node {
    struct node *next;
    char text[1000];
};

static struct node *head;

static FAR void node_push(void)
{
    struct node *node = block_allocate(sizeof *node);
    node->next = head;
    head = node;
}

static FAR void list_cut(unsigned left)
{
    struct node *at = head;
    while (left--)
        at = at->next;
    at->next = NULL; /* the rest is nobody's */
}

static FAR void leak(void)
{
    for (unsigned i = 0; i < 2000; i++)
        node_push();
    list_cut(1000);
    while (head) {
        struct node *next = head->next;
        block_release(head);
        head = next;
    }
}

static FAR void many(void)
{
    static void *slots[4096];
    uint32_t random = 1;
    for (unsigned i = 0; i < 5000000; i++) {
        random = random * 1664525 + 1013904223;
        void **slot = &slots[random >> 20];
        block_release(*slot);
        *slot = weir_allocate(cpu, (random >> 8 & 1023) + 1);
    }
    for (unsigned i = 0; i < 4096; i++)
        block_release(slots[i]);
}

static void *made_block;

__attribute__((optimize("no-omit-frame-pointer"))) static FAR void made_wanted(void)
{
    made_block = block_allocate(4242);
    KEEP;
}

static FAR void made(void)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#elif defined(__aarch64__)
    static const uint32_t code[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0};
#else
    static const unsigned char code[] = {0};
    return;
#endif
    char *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        exit(1);
    memcpy(room, code, sizeof code);
    mprotect(room, 4096, PROT_READ | PROT_EXEC);
    __builtin___clear_cache(room, room + 4096);
    snprintf(map_path, sizeof map_path, "/tmp/perf-%d.map", (int)getpid());
    FILE *map = fopen(map_path, "w");
    if (!map || fprintf(map, "%lx 20 JS:~run /srv/x.js:7:1\n", (unsigned long)room) < 0 ||
        fclose(map) != 0)
        exit(1);
    ((void (*)(void (*)(void)))(uintptr_t)room)(made_wanted);
    block_release(made_block);
}

static FAR void refused(void)
{
    weir_allocator *limited =
        weir_allocator_create(&(weir_allocator_options){.name = "limited", .limit = 1000});
    for (unsigned i = 0; i < 100; i++)
        if (weir_allocate(limited, 2000 + i))
            exit(1);
    if (weir_allocator_destroy(limited) != 0)
        exit(1);
}

static FAR void nothing(void)
{
}

static FAR void hostile(void)
{
    static const char *const names[] = {
        "</script><script>document.title='wrong'</script>",
        "<!--<script>",
        "\"'><img src=x onerror=alert(1)>",
        "&lt;amp&amp;",
        "line\nbreak\r\ttab",
        "\xff\xfe not \xc3 utf-8",
        "\x1b[31mred",
        "\xe2\x80\xae" /* NOLINT(bugprone-suspicious-missing-comma) */
        "backwards",
        "",
        "__proto__",
        "a,b;c\"d",
        "]]>"};
    void *blocks[sizeof names / sizeof *names];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        weir_tag_set(weir_tag_intern(names[i]));
        weir_trace_mark(WEIR_MARK_RUN, names[i], true);
        blocks[i] = block_allocate(1000 * (i + 1));
        weir_trace_mark(WEIR_MARK_RUN, names[i], false);
    }
    pthread_setname_np(pthread_self(), "<b>\"'&\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        block_release(blocks[i]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } kinds[] = {{"service", service}, {"leak", leak},       {"many", many},      {"made", made},
                 {"refused", refused}, {"nothing", nothing}, {"hostile", hostile}};
    cpu = weir_cpu_allocator();
    weir_trace_options options = {.size = sizeof options};
    if (argc != 3 || weir_trace_start(argv[1], &options) != 0) {
        fprintf(stderr, "report_program: %s\n", weir_last_error());
        return 1;
    }
    weir_reset_peak(cpu);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[2], kinds[i].name) == 0)
            kinds[i].run();
    size_t peak = weir_peak_allocated(cpu);
    int error = weir_trace_stop();
    if (*map_path)
        unlink(map_path);
    if (error) {
        fprintf(stderr, "report_program: %s\n", weir_last_error());
        return 1;
    }
    printf("%zu\n", peak);
    return 0;
}
