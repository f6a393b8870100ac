/* os/random.c - see random.h. */
#include "os/random.h"

#include "os/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

static uint64_t random_other(void)
{
    uint64_t words[2] = {0, 0};
    const void *of_process =
        (const void *)getauxval(AT_RANDOM); // NOLINT(performance-no-int-to-ptr)
    if (of_process)
        memcpy(words, of_process, sizeof words);
    return (words[0] ^ (words[1] << 1)) * UINT64_C(0x9e3779b97f4a7c15) ^ weir__os_time();
}

uint64_t weir__os_random(void)
{
    int saved = errno;
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits)
        bits = random_other();
    errno = saved;
    return bits;
}
