/* pool/double_free.c - owns the blocks whose second free nobody has reported yet. */
#include "pool/double_free.h"

#include "base/error.h"

/* NULL: no block. Atomic. */
#define NOTED_MOST 32
static const void *noted[NOTED_MOST];
bool weir__double_frees_noted; /* atomic */

void weir__double_free_note(const void *pointer)
{
    for (int i = 0; i < NOTED_MOST; i++) {
        const void *none = NULL;
        if (__atomic_compare_exchange_n(&noted[i], &none, pointer, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            break;
    }
    __atomic_store_n(&weir__double_frees_noted, true, __ATOMIC_RELEASE);
}

static const void *noted_take(void)
{
    const void *pointer = NULL;
    for (int i = 0; i < NOTED_MOST && !pointer; i++)
        pointer = __atomic_exchange_n(&noted[i], NULL, __ATOMIC_RELAXED);
    return pointer;
}

/* A handler may jump away: what is left stays noted. */
void weir__double_frees_report(void)
{
    while (__atomic_exchange_n(&weir__double_frees_noted, false, __ATOMIC_ACQUIRE)) {
        const void *pointer = noted_take();
        if (!pointer)
            return;
        __atomic_store_n(&weir__double_frees_noted, true, __ATOMIC_RELAXED);
        weir__misuse(WEIR_MISUSE_DOUBLE_FREE, pointer, "pool");
    }
}
