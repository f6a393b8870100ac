/*
 * base/message.h - the lines that weir writes on its own account: to standard error, or to the
 * program's sink (weir/error.h). Owns the sinks. Takes no lock and allocates nothing, so that it
 * serves from anywhere: with locks held, within malloc, in a signal handler, in a forked child.
 */
#ifndef WEIR_BASE_MESSAGE_H
#define WEIR_BASE_MESSAGE_H

#include <stddef.h>

/* One line, with room for one byte more behind `length`, where a newline is put for standard
 * error. errno is kept. */
void weir__message(char *line, size_t length);

/* The same, made like printf's; cut at 1023 bytes. */
void weir__message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
