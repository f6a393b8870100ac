/*
 * base/program_file.h - what becomes of a file that is run with a library loaded
 * first: where it lies, what a script leads to, what its loader would make of the library.
 * Reads files and nothing else. No state, no allocation, no lock, errno kept: fit for a signal
 * handler and for a child of vfork.
 */
#ifndef WEIR_BASE_PROGRAM_FILE_H
#define WEIR_BASE_PROGRAM_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Why a program will not carry the library. */
enum weir__lost {
    WEIR__LOST_NOT,     /* it will, for all that is known */
    WEIR__LOST_STATIC,  /* no loader has a part in it */
    WEIR__LOST_MACHINE, /* other word size or processor */
    WEIR__LOST_LOADER,  /* another C library's loader, such as musl's */
    WEIR__LOST_RIGHTS,  /* setuid, setgid, capabilities: the loader distrusts who calls */
    WEIR__LOST_ASAN,    /* built with AddressSanitizer, whose malloc has to come first */
    WEIR__LOST_HWASAN,
    WEIR__LOST_TSAN,
    WEIR__LOST_MSAN,
    WEIR__LOST_LIBRARY /* the library's own file is not to be seen from there */
};

/* Would the loader say something, or fail, if the library were asked for all the same? The
 * others pass it on to their children in silence. */
static inline bool weir__lost_loudly(enum weir__lost why)
{
    return why == WEIR__LOST_MACHINE || why == WEIR__LOST_LOADER || why >= WEIR__LOST_ASAN;
}

/* The kernel reads no more of a script. */
#define WEIR__SCRIPT_LINE 256

struct weir__program_file {
    enum weir__lost lost;
    int error; /* errno of an exec that cannot succeed; 0: nothing stands in its way */
    char interpreter[WEIR__SCRIPT_LINE]; /* of a script, to which the above applies; or "" */
};

/* Looks at the file that execve is given. `loader` is the base name of our own, or NULL;
 * `shell`: text that names no interpreter is run by /bin/sh, as execvp does. What cannot
 * be read is taken for a program that carries the library. */
void weir__program_file_examine(const char *path, const char *loader, bool shell,
                                struct weir__program_file *about);

/* As execvp looks for `program`: in `path`, the variable's value or NULL, unless it has a
 * slash. `found` has `room` for the longest element, a slash and the name. 0 or an errno
 * value. */
int weir__program_file_find(const char *program, const char *path, char *found, size_t room);

/* The base name of the loader that loaded this process; NULL if none did. Not for signal
 * handlers. */
const char *weir__program_loader(void);

/* Is this the file name of a sanitizer's runtime, and of which? */
enum weir__lost weir__sanitizer_of(const char *library);

#endif
