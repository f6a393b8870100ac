/*
 * backing/backing.c - chooses the provider, once. Refuses to know how any of them
 * works. `chosen` is written once and read without a lock; the first callers
 * settle who writes it in backing_choose.
 */
#include "backing/backing.h"
#include "base/message.h"
#include "os/memory_tool.h"
#include "os/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct weir__backing *chosen WEIR__AT_START;

/* Held by the thread that is choosing; no mutex, because this may run before
 * anything else in the process has. */
static bool choosing WEIR__AT_START;
static _Thread_local bool choosing_here;

static bool backing_can_serve(const struct weir__backing *provider)
{
    return provider && provider->abi == WEIR__BACKING_ABI &&
           (!provider->start || provider->start());
}

static void backing_complain(const char *wish, const char *instead)
{
    weir__message_print("weir: WEIR_BACKING=%.64s cannot be had here; using %s", wish, instead);
}

/* Is it the host's malloc that is wished for, or that a tool watches? */
static bool malloc_is_wanted(const char *wish)
{
    return *wish ? strcmp(wish, "malloc") == 0 : weir__os_memory_tool();
}

static const struct weir__backing *backing_wanted(void)
{
    const char *wish = secure_getenv("WEIR_BACKING");
    wish = wish ? wish : "";
    if (strcmp(wish, "system") == 0)
        return &weir__backing_system;
    if (malloc_is_wanted(wish) && backing_can_serve(&weir__backing_malloc))
        return &weir__backing_malloc;
    const struct weir__backing *provider =
        backing_can_serve(&weir_backing_jemalloc) ? &weir_backing_jemalloc : &weir__backing_system;
    if (*wish && strcmp(wish, "pool") != 0 && strcmp(wish, provider->name) != 0)
        backing_complain(wish, provider->name);
    return provider;
}

/* Chooses `provider` unless one is chosen. The one chosen. */
static const struct weir__backing *backing_choose_once(const struct weir__backing *provider)
{
    const struct weir__backing *already = NULL;
    bool first = __atomic_compare_exchange_n(&chosen, &already, provider, false, __ATOMIC_ACQ_REL,
                                             __ATOMIC_ACQUIRE);
    return first ? provider : already;
}

/*
 * Only one thread starts a provider; the others wait for it. A provider's start
 * that comes back here (it called a malloc that is weir's own) is served by the
 * system, and that then is the choice for good.
 */
static const struct weir__backing *backing_choose(void)
{
    if (choosing_here)
        return backing_choose_once(&weir__backing_system);
    for (unsigned i = 0; __atomic_test_and_set(&choosing, __ATOMIC_ACQUIRE); i++)
        weir__os_backoff(i);
    if (!__atomic_load_n(&chosen, __ATOMIC_ACQUIRE)) {
        choosing_here = true;
        backing_choose_once(backing_wanted());
        choosing_here = false;
    }
    __atomic_clear(&choosing, __ATOMIC_RELEASE);
    return __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
}

const struct weir__backing *weir__backing_get(void)
{
    const struct weir__backing *provider = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
    return provider ? provider : backing_choose();
}

bool weir__backing_is_malloc(void)
{
    return weir__backing_get() == &weir__backing_malloc;
}
