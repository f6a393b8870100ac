/* track/trace_hook.c - the installed table and the account; see trace_hook.h. */
#include "track/trace_hook.h"

#include "base/atomic.h"

#include <sys/single_threaded.h>

const struct weir__trace_hooks *weir__trace_installed;
const struct weir__trace_hooks *weir__trace_latest;
void (*weir__trace_thread_exited)(void);
static struct weir__trace_account account_own;
struct weir__trace_account *weir__trace_account = &account_own;

void weir__trace_install(const struct weir__trace_hooks *hooks)
{
    if (hooks)
        __atomic_store_n(&weir__trace_latest, hooks, __ATOMIC_RELEASE);
    __atomic_store_n(&weir__trace_installed, hooks, __ATOMIC_RELEASE);
}

void weir__trace_account_leave(void)
{
    weir__trace_account = &account_own;
}

void weir__trace_account_start(size_t total, size_t count)
{
    *weir__trace_account =
        (struct weir__trace_account){.total = total, .count = count, .peak = total};
}

uint64_t weir__trace_stamp_neutral(void)
{
    if (__libc_single_threaded) { /* as os/lock.h has it */
        uint64_t next = weir__relaxed_get(weir__trace_account->sequence) + 1;
        weir__relaxed_set(weir__trace_account->sequence, next);
        return next;
    }
    return __atomic_add_fetch(&weir__trace_account->sequence, 1, __ATOMIC_RELAXED);
}

uint64_t weir__trace_stamp(ptrdiff_t bytes, int blocks)
{
    struct weir__trace_account *a = weir__trace_account;
    uint64_t sequence = weir__trace_stamp_neutral();
    a->total += (uint64_t)bytes;
    a->count += (uint64_t)(int64_t)blocks;
    if (blocks > 0)
        a->allocations += (uint64_t)blocks;
    else
        a->frees += (uint64_t) - (int64_t)blocks;
    if (a->total > a->peak) {
        a->peak = a->total;
        a->peak_sequence = sequence;
    }
    return sequence;
}
