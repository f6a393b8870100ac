/*
 * os/early.h - variables of the environment, before the C library knows it: a preloaded malloc is
 * called by the loader, and by constructors of others. No state; reads the process's first stack,
 * which the kernel filled. Any thread.
 */
#ifndef WEIR_OS_EARLY_H
#define WEIR_OS_EARLY_H

/* What the variable was when the process began; NULL: it was not there, or the process has rights
 * that who started it has not, as with secure_getenv. */
const char *weir__os_early_variable(const char *name);

#endif
