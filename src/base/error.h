/*
 * base/error.h - the thread's last reason, and the one way that misuse is reported. Owns both and
 * the handler. Knows nothing of allocators: callers pass names. Any thread. weir__misuse is called
 * with no lock held, for the handler may use weir.
 */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include <weir/error.h>

/* Stores the thread's reason (cut at 255 bytes); returns `code` for tail use. */
int weir__fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same and sets errno; returns NULL for pointer-valued functions. */
void *weir__fail_null(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How many reasons the calling thread has had: tells whether a callee left one. */
unsigned weir__fail_count(void);

/* Misuse: calls the handler and returns, or prints one line
 * "weir: double free: 0x... (allocator \"cpu\")" and aborts. */
void weir__misuse(weir_misuse what, const void *pointer, const char *allocator_name);

/* The same for a block whose book-keeping was overwritten; and what was found, like printf's. */
void weir__misuse_corrupt(const void *block, const char *allocator_name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Book-keeping that was overwritten, found where locks are held and nothing can be set aside: the
 * line, without an allocator's name, and abort. No handler is called. */
void weir__corrupt_stop(const void *at, const char *found) __attribute__((noreturn, cold));

/* The same for a block that was written to at this offset after it was freed: corruption. */
void weir__misuse_written(const void *block, size_t offset, const char *allocator_name);

/* The same for what lies around a block, or in a free one, of a hardened context: "overflow",
 * "underflow" or "write after free", and what was found, like printf's. */
void weir__misuse_damaged(const char *kind, const void *block, const char *allocator_name,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Who knows more of blocks prints it, by base/message.h: behind the line, before the process ends
 * of it. NULL: nobody does. No lock is held; what it calls allocates nothing of a program's. */
typedef void weir__misuse_explainer(weir_misuse what, const void *pointer);
void weir__misuse_explain_by(weir__misuse_explainer *by);

/* For who prints the line: has it called. */
void weir__misuse_explain(weir_misuse what, const void *pointer);

#endif
