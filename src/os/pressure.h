/*
 * os/pressure.h - waiting for pressure on memory: for the kernel's files of it (PSI) and for FIFOs
 * that stand for one. Owns two descriptors, both close-on-exec, in a struct of the caller's. One
 * thread waits, any other may wake it; no lock. errno is kept.
 */
#ifndef WEIR_OS_PRESSURE_H
#define WEIR_OS_PRESSURE_H

#include <stdbool.h>

struct weir__os_pressure {
    int file, wake;
    bool fifo; /* each byte is an event */
};

/* What the kernel is asked for, as it wants it: "some 100000 2000000", in microseconds. */
#define WEIR__OS_TRIGGER_ROOM 64

/* 0, or EINVAL: `path` is neither a kernel's file nor a FIFO, nothing was written to it; ENOTSUP:
 * it tells of nothing; or what opening it or writing the trigger says. */
int weir__os_pressure_open(struct weir__os_pressure *pressure, const char *path,
                           const char *trigger);
void weir__os_pressure_close(struct weir__os_pressure *pressure);

enum weir__os_told { WEIR__OS_PRESSED, WEIR__OS_WOKEN, WEIR__OS_LOST };

/* Waits for an event, or to be woken, which lasts; LOST: there will be no event any more. */
enum weir__os_told weir__os_pressure_wait(struct weir__os_pressure *pressure);
void weir__os_pressure_wake(struct weir__os_pressure *pressure);

#endif
