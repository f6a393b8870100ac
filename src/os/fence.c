/* os/fence.c - see fence.h. Owns only whether membarrier works here, and must. */
#include "os/fence.h"

#include "base/message.h"
#include "os/wait.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GRACE_NS 2000000 /* a store stays in a buffer for some hundred ns */

/* Changes from UNKNOWN once; a race writes the same value. FENCE_NONE is for good. */
enum { FENCE_UNKNOWN = 0, FENCE_WORKS, FENCE_NONE };
static uint32_t fence_state WEIR__AT_START;

static bool fence_try(int command)
{
    int saved = errno;
    bool done = syscall(SYS_membarrier, command, 0, 0) == 0;
    errno = saved;
    return done;
}

static uint32_t fence_probe(void)
{
    uint32_t unknown = FENCE_UNKNOWN;
    bool works = fence_try(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
                 fence_try(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    __atomic_compare_exchange_n(&fence_state, &unknown, works ? FENCE_WORKS : FENCE_NONE, false,
                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&fence_state, __ATOMIC_ACQUIRE);
}

/* Early: with one thread to register costs nothing, and a sandbox that the program enters
 * later may not allow it. */
__attribute__((constructor)) static void fence_start(void)
{
    weir__os_fence_available();
}

bool weir__os_fence_available(void)
{
    uint32_t state = __atomic_load_n(&fence_state, __ATOMIC_ACQUIRE);
    if (weir__unlikely(state == FENCE_UNKNOWN)) /* somebody's constructor comes before ours */
        state = fence_probe();
    return state == FENCE_WORKS;
}

static bool fence_is_optional WEIR__AT_START; /* atomic; for good */

void weir__os_fence_optional(void)
{
    weir__relaxed_set(fence_is_optional, true);
}

static void fence_refused(void)
{
    if (weir__relaxed_get(fence_is_optional))
        return;
    weir__message_print(
        "weir: the kernel refuses membarrier, which worked when the program started: "
        "a sandbox must allow it, or be entered before");
    abort();
}

bool weir__os_fence_others(void)
{
    bool works = __atomic_load_n(&fence_state, __ATOMIC_ACQUIRE) == FENCE_WORKS;
    if (works && weir__likely(fence_try(MEMBARRIER_CMD_PRIVATE_EXPEDITED)))
        return true;
    if (works)
        fence_refused();
    weir__os_nap(GRACE_NS);
    return !works;
}

void weir__os_fence_end(void)
{
    bool worked = weir__os_fence_available();
    __atomic_store_n(&fence_state, FENCE_NONE, __ATOMIC_SEQ_CST);
    if (worked && !fence_try(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        weir__os_nap(GRACE_NS);
}
