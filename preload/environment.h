/*
 * preload/environment.h - the environment of the next program: with this library where the
 * program can carry it, without where its loader would complain.
 */
#ifndef WEIR_PRELOAD_ENVIRONMENT_H
#define WEIR_PRELOAD_ENVIRONMENT_H

#include "base/program_file.h"

/* Notes by which name we were loaded, and what `weir run` has set. From the constructor. */
void preload_environment_start(void);

/* Will the program in that file carry us, if it is started with `envp`? `shell`: as
 * weir__program_file_examine says. For signal handlers and children of vfork, as are the two
 * below. */
enum weir__lost preload_environment_lost(const char *path, bool shell, char *const envp[]);

/* How many pointers of room preload_environment_make wants; 0: envp may stay as it is. */
size_t preload_environment_room(char *const envp[], enum weir__lost why);

/* `envp` as it should be, in `room`; without change to it. */
char *const *preload_environment_make(char *const envp[], enum weir__lost why, char **room);

#endif
