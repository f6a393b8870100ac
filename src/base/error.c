/*
 * base/error.c - owns the thread's last reason and the misuse handler. Knows
 * nothing of allocators: callers pass names. No lock is held while a handler
 * runs, so it may call weir.
 */
#include "base/error.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/coverage.h"
#include "base/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_SIZE 256

static _Thread_local char reason[REASON_SIZE];
static _Thread_local unsigned reasons;

/* Written as a pair under no lock: a handler is installed once, at start, by
 * programs that want one; the user pointer is published before the handler. */
static void *handler_user WEIR__AT_START;
static weir_misuse_handler *handler WEIR__AT_START;

static weir__misuse_explainer *explainer; /* atomic */

static void reason_set(const char *format, va_list arguments)
{
    vsnprintf(reason, sizeof reason, format, arguments);
    reasons++;
}

unsigned weir__fail_count(void)
{
    return reasons;
}

int weir__fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reason_set(format, arguments);
    va_end(arguments);
    return code;
}

void *weir__fail_null(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reason_set(format, arguments);
    va_end(arguments);
    errno = code;
    return NULL;
}

const char *weir_last_error(void)
{
    return reason;
}

void weir_set_misuse_handler(weir_misuse_handler *new_handler, void *user)
{
    weir__relaxed_set(handler_user, user);
    __atomic_store_n(&handler, new_handler, __ATOMIC_RELEASE);
}

const char *weir_misuse_name(weir_misuse what)
{
    switch (what) {
    case WEIR_MISUSE_DOUBLE_FREE:
        return "double free";
    case WEIR_MISUSE_INTERIOR_POINTER:
        return "interior pointer";
    case WEIR_MISUSE_FOREIGN_POINTER:
        return "foreign pointer";
    case WEIR_MISUSE_OTHER_ALLOCATOR:
        return "block of another allocator";
    case WEIR_MISUSE_DESTROYED_ALLOCATOR:
        return "use of a destroyed allocator";
    case WEIR_MISUSE_SIZE_MISMATCH:
        return "size mismatch";
    case WEIR_MISUSE_CORRUPTION:
        return "corrupted book-keeping";
    }
    return "unknown misuse";
}

void weir__misuse_explain_by(weir__misuse_explainer *by)
{
    __atomic_store_n(&explainer, by, __ATOMIC_RELEASE);
}

void weir__misuse_explain(weir_misuse what, const void *pointer)
{
    weir__misuse_explainer *by = __atomic_load_n(&explainer, __ATOMIC_ACQUIRE);
    if (by)
        by(what, pointer);
}

/* `line` has `length` bytes, or was cut, and room for one more. */
static void misuse_tell(weir_misuse what, const void *pointer, char line[REASON_SIZE], int length)
{
    if (length < 0 || length > REASON_SIZE - 2)
        length = REASON_SIZE - 2;
    weir_misuse_handler *h = __atomic_load_n(&handler, __ATOMIC_ACQUIRE);
    if (h) {
        h(what, pointer, line, weir__relaxed_get(handler_user));
        return;
    }
    weir__message(line, (size_t)length);
    weir__misuse_explain(what, pointer);
    weir__coverage_keep();
    abort();
}

void weir__misuse(weir_misuse what, const void *pointer, const char *allocator_name)
{
    char line[REASON_SIZE];
    int length = snprintf(line, sizeof line - 1, "weir: %s: %p (allocator \"%s\")",
                          weir_misuse_name(what), pointer, allocator_name);
    misuse_tell(what, pointer, line, length);
}

void weir__misuse_corrupt(const void *block, const char *allocator_name, const char *format, ...)
{
    char line[REASON_SIZE], found[REASON_SIZE - 80];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(found, sizeof found, format, arguments);
    va_end(arguments);
    int length = snprintf(line, sizeof line - 1, "weir: %s: %p (allocator \"%.47s\"): %s",
                          weir_misuse_name(WEIR_MISUSE_CORRUPTION), block, allocator_name, found);
    misuse_tell(WEIR_MISUSE_CORRUPTION, block, line, length);
}

void weir__corrupt_stop(const void *at, const char *found)
{
    weir__message_print("weir: %s: %p: %s", weir_misuse_name(WEIR_MISUSE_CORRUPTION), at, found);
    weir__coverage_keep();
    abort();
}

void weir__misuse_damaged(const char *kind, const void *block, const char *allocator_name,
                          const char *format, ...)
{
    char line[REASON_SIZE], found[REASON_SIZE - 100];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(found, sizeof found, format, arguments);
    va_end(arguments);
    int length = snprintf(line, sizeof line - 1, "weir: %s: %p (allocator \"%.47s\"): %s", kind,
                          block, allocator_name, found);
    misuse_tell(WEIR_MISUSE_CORRUPTION, block, line, length);
}

void weir__misuse_written(const void *block, size_t offset, const char *allocator_name)
{
    char line[REASON_SIZE];
    int length =
        snprintf(line, sizeof line - 1, "weir: write after free: %p, offset %zu (allocator \"%s\")",
                 block, offset, allocator_name);
    misuse_tell(WEIR_MISUSE_CORRUPTION, block, line, length);
}
