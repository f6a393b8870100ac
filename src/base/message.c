/* base/message.c - see message.h. */
#include "base/message.h"

#include "base/atomic.h"
#include "base/bits.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/error.h>

#define LINE_MAX_BYTES 1024

/* Each that was ever set has an entry, which is written once: who reads one needs no lock. */
#define SINKS 256

static struct sink {
    weir_message_sink *call; /* published last; NULL: not yet */
    void *user;
} sinks[SINKS];
static unsigned nsinks; /* entries taken; atomic */

/* The one in use; NULL: standard error. */
static const struct sink *current;

/* Is the calling thread in a sink? */
static _Thread_local bool inside;

static void standard_error_write(char *line, size_t length)
{
    line[length] = '\n';
    ssize_t written = write(STDERR_FILENO, line, length + 1);
    (void)written;
    line[length] = 0;
}

void weir__message(char *line, size_t length)
{
    int saved = errno;
    const struct sink *sink = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    line[length] = 0;
    if (!sink || inside) {
        standard_error_write(line, length);
    } else {
        inside = true;
        sink->call(line, length, sink->user);
        inside = false;
    }
    errno = saved;
}

void weir__message_print(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    weir__message(line, length < 0 ? 0 : weir__min((size_t)length, sizeof line - 1));
}

/* NULL: it was never set. */
static const struct sink *sink_find(weir_message_sink *call, const void *user)
{
    for (unsigned i = 0; i < SINKS; i++)
        if (__atomic_load_n(&sinks[i].call, __ATOMIC_ACQUIRE) == call && sinks[i].user == user)
            return &sinks[i];
    return NULL;
}

/* NULL: there were too many. */
static const struct sink *sink_add(weir_message_sink *call, void *user)
{
    unsigned at = weir__relaxed_get(nsinks);
    do
        if (at == SINKS)
            return NULL;
    while (!__atomic_compare_exchange_n(&nsinks, &at, at + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    sinks[at].user = user;
    __atomic_store_n(&sinks[at].call, call, __ATOMIC_RELEASE);
    return &sinks[at];
}

int weir_set_message_sink(weir_message_sink *call, void *user)
{
    const struct sink *sink = call ? sink_find(call, user) : NULL;
    if (call && !sink && !(sink = sink_add(call, user)))
        return ENOSPC;
    __atomic_store_n(&current, sink, __ATOMIC_RELEASE);
    return 0;
}
