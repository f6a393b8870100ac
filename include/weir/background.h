/*
 * background.h - a thread of weir's, for programs that fall silent while they hold memory.
 */
#ifndef WEIR_BACKGROUND_H
#define WEIR_BACKGROUND_H

#include <weir/export.h>

WEIR_BEGIN_DECLS

/*
 * Memory goes back to the system as running threads use weir: what nobody re-used for
 * ten seconds decays, and the caches of threads that do nothing are emptied. When all
 * of them fall silent nothing happens, unless the program lets weir have a thread
 * for that: it looks every `period_ms`, and an allocator without a parent that nobody used
 * in two looks is trimmed. One for the process; starting it again changes the period. It blocks
 * all signals; a forked child has none. Any thread. start: 0, EINVAL for 0, or what
 * pthread_create says. stop: returns when the thread has ended.
 */
WEIR_API int weir_background_start(unsigned period_ms) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API void weir_background_stop(void) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
