/* A recording that another process reads (observe/run_page.h), in memory of this test's: in which
 * chunks the events of a process and of its child are. */
#include "observe/recorder.h"
#include "observe/run_page.h"
#include "observe/stacks.h"
#include "observe/trace_sink.h"

#include "../helpers/suite.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

enum { UNIT = 4096 };

static struct weir__run_head *page; /* children see it, too */

static void page_make(void)
{
    page = mmap(NULL, weir__run_bytes(UNIT, true), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq((void *)page, MAP_FAILED);
    page->magic = WEIR__RUN_MAGIC;
    page->bytes = weir__run_bytes(UNIT, true);
    page->unit = UNIT;
    page->record = 1;
}

TestSuite(recorder_outside, .init = page_make);

static void small_blocks(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
}

/* Events in the chunks of an image. */
static uint64_t events_of(uint32_t image)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < WEIR__RUN_CHUNKS; i++)
        if (weir__run_chunk_owner(page)[i] == image + 1)
            events += weir__run_chunk(page, UNIT, i)->filled >> 32;
    return events;
}

/* As preload/image.c does after a fork. */
static void be_the_child(void)
{
    weir__recorder_outside_cut();
    small_blocks(5); /* between the two nothing is recorded */
    weir__trace_ring_attach(page, 1);
    weir__recorder_outside_forked((int)getpid(), "child");
    small_blocks(3);
    _exit(0);
}

Test(recorder_outside, a_child_writes_into_chunks_of_its_own)
{
    int status;
    weir__trace_ring_attach(page, 0);
    weir__recorder_outside_start((int)getpid(), "parent", WEIR__STACKS_OFF);
    small_blocks(1); /* and what the first brings with it */
    uint64_t before = events_of(0);
    small_blocks(2);
    cr_assert_eq(events_of(0), before + 4, "%llu", (unsigned long long)events_of(0));
    pid_t child = fork();
    if (child == 0)
        be_the_child();
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(events_of(0), before + 4, "%llu", (unsigned long long)events_of(0));
    cr_expect_eq(events_of(1), 6, "%llu", (unsigned long long)events_of(1));
    small_blocks(1);
    cr_expect_eq(events_of(0), before + 6, "%llu", (unsigned long long)events_of(0));
}
