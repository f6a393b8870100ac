/* observe/estimate.c - see estimate.h. Without the mathematical library, which a preloaded program
 * would have to load. */
#include "observe/estimate.h"

/* By doubling: 1 - exp(-2t) = e (2 - e) where e = 1 - exp(-t); below 1/128 seven terms are exact.
 */
double weir__estimate_chance(size_t bytes, uint64_t mean)
{
    double t = mean ? (double)bytes / (double)mean : 0;
    unsigned doublings = 0;
    if (t > 50)
        return 1;
    while (t > 1.0 / 128) {
        t /= 2;
        doublings++;
    }
    double e = 0;
    for (int term = 7; term > 0; term--)
        e = t / term * (1 - e);
    for (; doublings; doublings--)
        e *= 2 - e;
    return e;
}

void weir__estimate_add(struct weir__estimate *e, size_t bytes, uint64_t mean)
{
    double chance = weir__estimate_chance(bytes, mean);
    if (chance <= 0)
        return;
    double stands = (double)bytes / chance;
    e->bytes += stands;
    e->blocks += 1 / chance;
    e->variance += (1 - chance) * stands * stands;
    e->samples++;
}

void weir__estimate_join(struct weir__estimate *e, const struct weir__estimate *other)
{
    e->bytes += other->bytes;
    e->blocks += other->blocks;
    e->variance += other->variance;
    e->samples += other->samples;
}

/* The square root, by Newton from above: falls until it does no more. */
double weir__estimate_error(const struct weir__estimate *e)
{
    double x = e->variance > 1 ? e->variance : 1, next;
    if (e->variance <= 0)
        return 0;
    while ((next = (x + e->variance / x) / 2) < x)
        x = next;
    return x;
}
