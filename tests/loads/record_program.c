/*
 * A program that records itself, for tests/scripts/trace.sh: record_program FILE [forever].
 * Threads with cross-thread frees, contexts, tags, marks, resizes, refusals. Prints the
 * allocator's own peak since the recording began.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define SHARED 256

static void *shared[SHARED]; /* any thread takes out what another put in */
static weir_allocator *limited;

static void *work(void *user)
{
    weir_allocator *cpu = weir_cpu_allocator();
    uint32_t random = (uint32_t)(uintptr_t)user * 2654435761u + 1;
    char tag[32];
    snprintf(tag, sizeof tag, "layer%d/\"w\"", (int)(uintptr_t)user);
    weir_tag_set(weir_tag_intern(tag));
    for (int i = 0; i < 5000; i++) {
        random = random * 1664525 + 1013904223;
        size_t size = (random >> 8) % (random >> 28 ? 4000 : 300000);
        weir_trace_mark(WEIR_MARK_OPERATOR, i & 1 ? "conv" : "relu", true);
        void *block = weir_allocate(cpu, size);
        block = weir_reallocate(cpu, block, size + (random >> 20) % 64);
        void *other = __atomic_exchange_n(&shared[random % SHARED], block, __ATOMIC_ACQ_REL);
        weir_deallocate(cpu, other);
        weir_deallocate(limited, weir_allocate(limited, (random >> 16) % 1500));
        weir_trace_mark(WEIR_MARK_OPERATOR, i & 1 ? "conv" : "relu", false);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    weir_allocator *cpu = weir_cpu_allocator();
    void *before = weir_allocate(cpu, 4321);
    if (argc < 2 || weir_trace_start(argv[1], NULL) != 0) {
        fprintf(stderr, "record_program: %s\n", weir_last_error());
        return 1;
    }
    weir_reset_peak(cpu);
    do {
        pthread_t threads[4];
        limited =
            weir_allocator_create(&(weir_allocator_options){.name = "limited", .limit = 1000});
        for (size_t i = 0; i < 4; i++)
            if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)) != 0)
                return 1;
        for (size_t i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        if (!weir_allocate(limited, 10) || weir_allocator_destroy(limited) != 0)
            return 1;
    } while (argc > 2 && strcmp(argv[2], "forever") == 0);
    size_t peak = weir_peak_allocated(cpu);
    weir_deallocate(cpu, before);
    if (weir_trace_stop() != 0) {
        fprintf(stderr, "record_program: %s\n", weir_last_error());
        return 1;
    }
    printf("%zu\n", peak);
    return 0;
}
