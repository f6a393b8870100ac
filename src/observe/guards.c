/* observe/guards.c - see guards.h. */
#include "observe/guards.h"

#include "alloc/guarded.h"
#include "base/error.h"
#include "base/message.h"
#include "base/sized.h"
#include "observe/stacks.h"
#include "observe/symbol.h"
#include "track/sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/allocator.h>

#define CALLS_FIRST 5000u

/* All atomic. */
static uint64_t reports;
static struct {
    const void *block; /* of the latest report of a fault: the program may fault there again */
    uint32_t version;
} reported;

/* -- what is printed ---------------------------------------------------------------------- */

static void calls_print(const char *what, const struct weir__calls_taken *calls)
{
    char text[WEIR__FRAME_TEXT];
    weir__message_print("  %s:", what);
    for (uint32_t i = 0; i < calls->depth; i++) {
        weir__symbol_text(text, calls->address[i]);
        weir__message_print("    %s", text);
    }
    if (!calls->depth)
        weir__message_print("    (no stack)");
}

static void history_print(const struct weir__trap *trap, bool freed)
{
    calls_print("allocated by", &trap->allocated);
    if (freed)
        calls_print("freed by", &trap->freed);
}

/* "1 byte", "40 bytes". */
static const char *bytes_text(char text[32], size_t bytes)
{
    snprintf(text, 32, "%zu byte%s", bytes, bytes == 1 ? "" : "s");
    return text;
}

static const char *access_name(int writes)
{
    return writes < 0 ? "access" : writes ? "write" : "read";
}

/* What it was, and where next to the block: `text` and `place`. */
static void fault_name(char text[64], char place[64], const char *at, const struct weir__trap *trap)
{
    const char *end = trap->block + trap->requested;
    char bytes[32];
    if (at < trap->block) {
        bytes_text(bytes, (size_t)(trap->block - at));
        snprintf(text, 64, "underflow by %s", bytes);
        snprintf(place, 64, "%s before", bytes);
    } else if (at >= end) {
        snprintf(text, 64, "overflow by %s", bytes_text(bytes, (size_t)(at - end) + 1));
        snprintf(place, 64, "%s behind",
                 at == end ? "directly" : bytes_text(bytes, (size_t)(at - end)));
    } else {
        snprintf(text, 64, "access");
        snprintf(place, 64, "%s into", bytes_text(bytes, (size_t)(at - trap->block)));
    }
    if (!trap->live)
        snprintf(text, 64, "use after free");
}

static void block_print(const char *what, const char *where, const struct weir__trap *trap)
{
    char bytes[32];
    const char *tag = weir_tag_name((weir_tag)trap->tag);
    weir__message_print("weir: %s: %s a block of %s at %p (allocator \"%s\"%s%s%s)", what, where,
                        bytes_text(bytes, trap->requested), (const void *)trap->block, trap->owner,
                        *tag ? ", tag \"" : "", tag, *tag ? "\"" : "");
}

/* Has the fault been printed? A handler that returns has it again. */
static bool is_reported(const struct weir__trap *trap)
{
    bool same = weir__relaxed_get(reported.block) == trap->block &&
                weir__relaxed_get(reported.version) == trap->version;
    weir__relaxed_set(reported.block, trap->block);
    weir__relaxed_set(reported.version, trap->version);
    return same;
}

/* A fault at a page that is open is none of a guard's: the program closed it itself. */
static void on_fault(const void *address, int writes, const void *code)
{
    struct weir__trap trap;
    char what[64], place[64], where[128], at[WEIR__FRAME_TEXT];
    const char *byte = address;
    if (!weir__trap_look(address, &trap) || is_reported(&trap))
        return;
    if (!trap.block || (trap.live && byte >= trap.block && byte < trap.block + trap.requested))
        return;
    __atomic_add_fetch(&reports, 1, __ATOMIC_RELAXED);
    fault_name(what, place, byte, &trap);
    snprintf(where, sizeof where, "%s at %p, %s", access_name(writes), address, place);
    block_print(what, where, &trap);
    if (code) {
        weir__symbol_text(at, (const char *)code + 1);
        weir__message_print("  by %s", at);
    }
    history_print(&trap, !trap.live);
}

/* A block that is freed; who frees it is in the stack that is taken as it goes. */
static void on_written(const void *block, ptrdiff_t written)
{
    struct weir__trap trap;
    char bytes[32], what[64];
    if (!weir__trap_look(block, &trap) || trap.block != block)
        return;
    __atomic_add_fetch(&reports, 1, __ATOMIC_RELAXED);
    snprintf(what, sizeof what, "%s by %s", written > 0 ? "overflow" : "underflow",
             bytes_text(bytes, (size_t)(written > 0 ? written : -written)));
    block_print(what, written > 0 ? "written behind" : "written before", &trap);
    history_print(&trap, true);
}

bool weir__guards_explain(const void *block)
{
    struct weir__trap trap;
    char bytes[32];
    if (!weir__trap_look(block, &trap) || trap.live || trap.block != block)
        return false;
    weir__message_print("  a block of %s, guarded", bytes_text(bytes, trap.requested));
    history_print(&trap, true);
    return true;
}

/* -- on and off --------------------------------------------------------------------------- */

static void calls_take(struct weir__calls_taken *calls)
{
    const void *address[WEIR__STACKS_DEPTH];
    int saved = errno;
    bool cut;
    uint32_t depth = weir__stacks_now(address, &cut);
    calls->depth = (uint32_t)weir__min(depth, WEIR__TRAP_CALLS);
    memcpy(calls->address, address, calls->depth * sizeof *address);
    errno = saved;
}

void weir__guards_off(void)
{
    weir__guarded_off();
}

/* Everything that a report needs, before there is a guarded block. */
static int report_prepare(void)
{
    if (!weir__segv_is_expected())
        weir__segv_expect(sigaction);
    weir__stacks_ready();
    weir__symbol_ready();
    __atomic_store_n(&weir__trap_calls, calls_take, __ATOMIC_RELEASE);
    __atomic_store_n(&weir__guarded_written, on_written, __ATOMIC_RELEASE);
    return weir__segv_install(on_fault);
}

int weir_guards_start(const weir_guard_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_guard_options, objects) };
    weir_guard_options o;
    if (!weir__options_take(&o, sizeof o, FIRST, options))
        return weir__fail(EINVAL, "guard options: no such struct");
    uint64_t calls = o.calls == SIZE_MAX ? 0 : o.calls ? o.calls : CALLS_FIRST;
    int error = report_prepare();
    if (error)
        return weir__fail(error, "guards: no handler of SIGSEGV: %s", strerror(error));
    error = weir__guarded_begin(calls, o.objects);
    return error ? weir__fail(error, "guards: this build, backing or machine has none") : 0;
}

/* The handler comes with the first guarded block: a process that ends before that has none. */
int weir__guards_by_turns(void)
{
    __atomic_store_n(&weir__guarded_prepare, report_prepare, __ATOMIC_RELEASE);
    return weir__guarded_begin_turns(CALLS_FIRST);
}

void weir_guards_stop(void)
{
    int error = weir__guarded_begin(0, 0);
    (void)error; /* where there can be no guards, there are none */
}

int weir_guard_stats_get(weir_guard_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_guard_stats, reports) };
    uint64_t guarded, missed;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "statistics of guards: %s",
                          stats ? "no such struct" : "NULL was given");
    weir__guarded_count(&guarded, &missed);
    weir_guard_stats made = {.calls = (size_t)weir__relaxed_get(weir__guard_mean),
                             .objects = (size_t)weir__guarded_objects(),
                             .live = weir__trap_live(),
                             .guarded = (size_t)guarded,
                             .missed = (size_t)missed,
                             .reports = (size_t)__atomic_load_n(&reports, __ATOMIC_RELAXED)};
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}
