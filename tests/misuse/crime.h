/*
 * tests/misuse/crime.h - what the programs of crimes share: one crime is committed by its name, and
 * the addresses that its report names are told before. `PROGRAM NAME` commits one, `PROGRAM --list`
 * prints their names. tests/misuse/crimes.table says what comes of each; tests/scripts/crimes.sh
 * looks.
 *
 * A crime that nothing stops ends with status 0 and has printed nothing. Programs are built without
 * optimization of what a crime does: blocks are volatile bytes.
 */
#ifndef WEIR_TESTS_CRIME_H
#define WEIR_TESTS_CRIME_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef volatile unsigned char byte;

struct crime {
    const char *name;
    void (*commit)(void);
};

/* Who reads them has descriptor 3; a program that is run by hand has none. */
static void tell(const char *name, const volatile void *address)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%s %p\n", name, (void *)address);
    if (write(3, line, (size_t)length) != length)
        (void)0;
}

static volatile unsigned crime_seen;

/* So that the compiler keeps it. */
static void look(const volatile void *address)
{
    crime_seen = *(const byte *)address;
}

static void put(volatile void *address)
{
    *(byte *)address = 0xb6;
}

static int crime_main(int argc, char **argv, const struct crime *crimes, size_t count)
{
    alarm(200);
    for (size_t i = 0; argc == 2 && i < count; i++) {
        if (strcmp(argv[1], "--list") == 0) {
            puts(crimes[i].name);
        } else if (strcmp(argv[1], crimes[i].name) == 0) {
            crimes[i].commit();
            return 0;
        }
    }
    return argc == 2 && strcmp(argv[1], "--list") == 0 ? 0 : 2;
}

#endif
