/*
 * tools/run_report.c - what `weir run` says when the program has ended, as text or as
 * one JSON object. Reads the processes' slots (observe/run_page.h) and writes nothing
 * there: some of the processes may still be running.
 *
 * The program itself is the process that weir run started; if it became another
 * program by exec, that one. Its children are listed after it.
 */
#include "tools/run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MIB            (1024.0 * 1024.0)
#define TEXT_PROCESSES 12

/* The slots in use, copied; each whole, or marked as torn by state 0. */
struct slots {
    struct weir__run_slot *at;
    uint32_t count, lost;
};

/* -- reading ------------------------------------------------------------------------------- */

/* A moment when its process does not write; one that was killed while writing stays odd. */
static struct weir__run_slot slot_copy(const struct weir__run_slot *from)
{
    struct weir__run_slot copy;
    for (int attempt = 0; attempt < 100000; attempt++) {
        uint32_t before = __atomic_load_n(&from->version, __ATOMIC_ACQUIRE);
        memcpy(&copy, from, sizeof copy);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(before & 1) && __atomic_load_n(&from->version, __ATOMIC_RELAXED) == before)
            break;
    }
    copy.program[sizeof copy.program - 1] = '\0';
    return copy;
}

static struct slots slots_read(void *page)
{
    const struct weir__run_head *head = page;
    uint32_t claimed = __atomic_load_n(&head->claimed, __ATOMIC_ACQUIRE);
    uint32_t kept = claimed < WEIR__RUN_SLOTS ? claimed : WEIR__RUN_SLOTS;
    struct slots slots = {calloc(kept + 1u, sizeof *slots.at), 0, claimed - kept};
    for (uint32_t i = 0; slots.at && i < kept; i++) {
        slots.at[slots.count] = slot_copy(weir__run_slot(page, i));
        slots.count += slots.at[slots.count].state != 0;
    }
    return slots;
}

/* The latest image of the process that was started; NULL: weir never was in it. */
static const struct weir__run_slot *slot_of_program(const struct run *run,
                                                    const struct slots *slots)
{
    const struct weir__run_slot *found = NULL;
    for (uint32_t i = 0; i < slots->count; i++)
        if (slots->at[i].pid == run->pid)
            found = &slots->at[i];
    return found;
}

static const char *ending(const struct weir__run_slot *slot)
{
    if (slot->state == WEIR__RUN_EXITED)
        return "exited";
    if (slot->state == WEIR__RUN_EXECED)
        return "became another program";
    return kill(slot->pid, 0) == 0 ? "still running" : "killed";
}

static double seconds(uint64_t from, uint64_t to)
{
    return to > from ? (double)(to - from) / 1e9 : 0;
}

/* -- text -------------------------------------------------------------------------------------- */

static void text_classes(const struct weir__run_slot *slot, FILE *to)
{
    bool any = false;
    uint64_t empty = 0;
    for (unsigned i = 0; i < WEIR__RUN_CLASSES; i++) {
        const struct weir__run_class *class = &slot->classes[i];
        empty += class->blocks ? 0 : class->held;
        if (!class->blocks)
            continue;
        if (!any)
            fprintf(to, "  live at exit, by size of block\n"
                        "        size       blocks    bytes asked     bytes held\n");
        any = true;
        if (class->size)
            fprintf(to, "  %10" PRIu64, class->size);
        else
            fprintf(to, "       pages");
        fprintf(to, " %12" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n", class->blocks, class->bytes,
                class->held);
    }
    if (empty)
        fprintf(to, "      others            0              0 %14" PRIu64 "\n", empty);
}

static void text_program(const struct run *run, const struct weir__run_slot *slot, FILE *to)
{
    fprintf(to,
            "  peak       %" PRIu64 " bytes in %" PRIu64 " blocks, seen %.3f s after the start\n",
            slot->peak, slot->peak_blocks, seconds(run->started, slot->peak_at));
    fprintf(to, "  live       %" PRIu64 " bytes in %" PRIu64 " blocks at its end\n", slot->live,
            slot->blocks);
    fprintf(to, "  traffic    %" PRIu64 " blocks allocated, %" PRIu64 " freed\n", slot->allocations,
            slot->frees);
    fprintf(to,
            "  memory     %.1f MiB in use, %.1f MiB kept for re-use, %.1f MiB book-keeping; "
            "%.1f MiB of addresses reserved\n",
            (double)slot->in_use / MIB, (double)slot->cached / MIB, (double)slot->metadata / MIB,
            (double)slot->reserved / MIB);
    fprintf(to, "  resident   %.1f MiB then, %.1f MiB at most\n", (double)slot->resident / MIB,
            (double)run->usage.ru_maxrss / 1024.0);
    if (slot->limit || slot->failures)
        fprintf(to, "  limit      %" PRIu64 " bytes; %" PRIu64 " requests refused\n", slot->limit,
                slot->failures);
    if (slot->state != WEIR__RUN_EXITED)
        fprintf(to, "  These figures are %.3f s older than its end: it did not exit by itself.\n",
                seconds(slot->as_of, run->ended));
    text_classes(slot, to);
}

static void text_other(const struct weir__run_slot *slot, FILE *to)
{
    fprintf(to, "  %10d %14" PRIu64 " %14" PRIu64 " %12" PRIu64 "   %s (%s)\n", (int)slot->pid,
            slot->peak, slot->live, slot->blocks, slot->program, ending(slot));
}

static int by_peak(const void *a, const void *b)
{
    const struct weir__run_slot *left = a, *right = b;
    return left->peak < right->peak ? 1 : left->peak > right->peak ? -1 : 0;
}

/* `program` has been taken out. The greatest first, and not too many. */
static void text_others(const struct slots *slots, FILE *to)
{
    uint64_t allocations = 0;
    if (slots->count) {
        qsort(slots->at, slots->count, sizeof *slots->at, by_peak);
        fprintf(to, "  other processes, the greatest peaks first\n"
                    "         pid           peak     live bytes       blocks   program\n");
    }
    for (uint32_t i = 0; i < slots->count; i++) {
        allocations += slots->at[i].allocations;
        if (i < TEXT_PROCESSES)
            text_other(&slots->at[i], to);
    }
    if (slots->count > TEXT_PROCESSES)
        fprintf(to, "  ... and %u more; --json names them all\n",
                (unsigned)slots->count - TEXT_PROCESSES);
    if (slots->count > 1)
        fprintf(to, "  together %" PRIu64 " blocks allocated\n", allocations);
    if (slots->lost)
        fprintf(to, "  %u more processes found no room in this report\n", (unsigned)slots->lost);
}

static void text_report(const struct run *run, struct slots *slots, FILE *to)
{
    const struct weir__run_slot *program = slot_of_program(run, slots);
    fprintf(to, "weir run: %s, %.3f s, ", program ? program->program : run->command[0],
            seconds(run->started, run->ended));
    if (WIFSIGNALED(run->status))
        fprintf(to, "killed by signal %d\n", WTERMSIG(run->status));
    else
        fprintf(to, "status %d\n", WEXITSTATUS(run->status));
    if (program)
        text_program(run, program, to);
    else
        fprintf(to, "  weir was never loaded into it: nothing is known of its memory\n");
    if (program)
        slots->at[program - slots->at] = slots->at[--slots->count];
    text_others(slots, to);
}

/* -- JSON ---------------------------------------------------------------------------------------
 */

static void json_string(const char *text, FILE *to)
{
    putc('"', to);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at == '"' || *at == '\\')
            fprintf(to, "\\%c", *at);
        else if (*at < 0x20 || *at >= 0x7f)
            fprintf(to, "\\u%04x", *at);
        else
            putc(*at, to);
    putc('"', to);
}

static void json_classes(const struct weir__run_slot *slot, FILE *to)
{
    const char *comma = "";
    fprintf(to, ", \"classes\": [");
    for (unsigned i = 0; i < WEIR__RUN_CLASSES; i++) {
        const struct weir__run_class *class = &slot->classes[i];
        if (!class->blocks && !class->held)
            continue;
        fprintf(to,
                "%s{\"size\": %" PRIu64 ", \"blocks\": %" PRIu64 ", \"bytes\": %" PRIu64
                ", \"held\": %" PRIu64 "}",
                comma, class->size, class->blocks, class->bytes, class->held);
        comma = ", ";
    }
    fputs("]", to);
}

static void json_slot(const struct run *run, const struct weir__run_slot *slot, FILE *to)
{
    fprintf(to, "{\"pid\": %d, \"parent\": %d, \"program\": ", (int)slot->pid, (int)slot->parent);
    json_string(slot->program, to);
    fprintf(to, ", \"ending\": \"%s\"", ending(slot));
    fprintf(to, ", \"started_seconds\": %.6f, \"figures_at_seconds\": %.6f",
            seconds(run->started, slot->started), seconds(run->started, slot->as_of));
    fprintf(to,
            ", \"peak_bytes\": %" PRIu64 ", \"peak_blocks\": %" PRIu64 ", \"peak_seconds\": %.6f",
            slot->peak, slot->peak_blocks, seconds(run->started, slot->peak_at));
    fprintf(to, ", \"live_bytes\": %" PRIu64 ", \"live_blocks\": %" PRIu64, slot->live,
            slot->blocks);
    fprintf(to,
            ", \"allocations\": %" PRIu64 ", \"frees\": %" PRIu64 ", \"failures\": %" PRIu64
            ", \"limit\": %" PRIu64,
            slot->allocations, slot->frees, slot->failures, slot->limit);
    fprintf(to,
            ", \"in_use\": %" PRIu64 ", \"cached\": %" PRIu64 ", \"reserved\": %" PRIu64
            ", \"metadata\": %" PRIu64 ", \"resident\": %" PRIu64,
            slot->in_use, slot->cached, slot->reserved, slot->metadata, slot->resident);
    json_classes(slot, to);
    fputs("}", to);
}

static void json_report(const struct run *run, const struct slots *slots, FILE *to)
{
    const struct weir__run_slot *program = slot_of_program(run, slots);
    const char *comma = "";
    bool killed = WIFSIGNALED(run->status);
    fprintf(to, "{\"command\": [");
    for (char **word = run->command; *word; word++, comma = ", ") {
        fputs(comma, to);
        json_string(*word, to);
    }
    fprintf(to, "], \"seconds\": %.6f, ", seconds(run->started, run->ended));
    fprintf(to, "\"%s\": %d, \"max_resident\": %ld, \"unreported_processes\": %u, \"program\": ",
            killed ? "signal" : "status", killed ? WTERMSIG(run->status) : WEXITSTATUS(run->status),
            run->usage.ru_maxrss * 1024, (unsigned)slots->lost);
    if (program)
        json_slot(run, program, to);
    else
        fputs("null", to);
    fprintf(to, ", \"others\": [");
    comma = "";
    for (uint32_t i = 0; i < slots->count; i++)
        if (&slots->at[i] != program) {
            fputs(comma, to);
            json_slot(run, &slots->at[i], to);
            comma = ", ";
        }
    fputs("]}\n", to);
}

void run_report(const struct run *run, FILE *to)
{
    struct slots slots = slots_read(run->page);
    if (run->json)
        json_report(run, &slots, to);
    else
        text_report(run, &slots, to);
    free(slots.at);
}
