/* track/trace_hook.c - the installed table and the account; see trace_hook.h. */
#include "track/trace_hook.h"

#include "base/atomic.h"

const struct weir__trace_hooks *weir__trace_installed;
const struct weir__trace_hooks *weir__trace_latest;
const char *weir__trace_sentinel;
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
