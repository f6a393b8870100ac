/* A library whose constructor asks for fork handlers that allocate before the malloc is there. */
#include <pthread.h>
#include <stdlib.h>

static void *block[40];

static void before(void)
{
    for (size_t i = 0; i < 40; i++)
        block[i] = malloc((size_t)48 << i % 14);
}

static void after(void)
{
    for (size_t i = 0; i < 40; i++)
        free(block[i]);
}

__attribute__((constructor(101))) static void start(void)
{
    pthread_atfork(before, after, after);
}
