/*
 * adoption.pml - slabs that move between the centers of a family (src/pool/family.c, center.c,
 * src/alloc/walk.c). An adopter holds its own center's lock, tries the family's and a sibling's,
 * and moves a slab with all three held. A walker holds the family's lock and takes each center's in
 * turn. A putter has a cached block of a slab: it asks whose the slab is, takes that center's lock
 * and asks again. Run by `make check-models`.
 *
 * Asserted: a walk sees every slab once; a slab is in the list of the center that it names whenever
 * that center's lock is held; nobody waits for ever.
 *
 * Mutants: WALK_UNLOCKED (a walker leaves the family's lock out), FAMILY_WAITS (an adopter waits for
 * the family's lock), ONE_LOOK (a putter does not ask again), OWN_ONLY (an adopter leaves the
 * sibling's lock out).
 */
#ifndef CENTERS
#define CENTERS 2
#endif
#ifndef SLABS
#define SLABS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef PUTTERS
#define PUTTERS 1
#endif

bool family, locked[CENTERS];
byte center[SLABS];                 /* slab->center */
byte list[CENTERS];                 /* sets of slabs */

#define WAIT(lock) atomic { !lock -> lock = true }
#define TRY(lock, got) atomic { got = !lock; lock = true }

/* weir__family_adopt, in batch_take_locked. */
proctype Adopter(byte own)
{
    byte n, from, slab;
    bool walked_not, free;
    do
    :: n < ROUNDS ->
        WAIT(locked[own]);
#ifdef FAMILY_WAITS
        WAIT(family); walked_not = true;
#else
        TRY(family, walked_not);
#endif
        if
        :: walked_not ->
            from = (own + 1) % CENTERS;
            do
            :: from != own ->
#ifdef OWN_ONLY
                free = true;
#else
                TRY(locked[from], free);
#endif
                if
                :: free ->
                    slab = 0;
                    do
                    :: slab < SLABS && list[from] & (1 << slab) -> break
                    :: slab < SLABS && !(list[from] & (1 << slab)) -> slab++
                    :: slab == SLABS -> break
                    od;
                    if
                    :: slab < SLABS ->
                        list[from] = list[from] & ~(1 << slab);
                        center[slab] = own;
                        list[own] = list[own] | (1 << slab)
                    :: else
                    fi;
#ifndef OWN_ONLY
                    locked[from] = false;
#endif
                    if
                    :: slab < SLABS -> break
                    :: else
                    fi
                :: else
                fi;
                from = (from + 1) % CENTERS
            :: from == own -> break
            od;
            family = false
        :: else
        fi;
        locked[own] = false;
        from = 0; slab = 0; walked_not = false; free = false;
        n++
    :: n == ROUNDS -> break
    od
}

/* slabs_walk, and pooled_add. */
proctype Walker()
{
    byte n, at, slab, seen[SLABS];
    do
    :: n < ROUNDS ->
#ifndef WALK_UNLOCKED
        WAIT(family);
#endif
        at = 0;
        do
        :: at < CENTERS ->
            WAIT(locked[at]);
            slab = 0;
            do
            :: slab < SLABS ->
                if
                :: list[at] & (1 << slab) -> seen[slab]++
                :: else
                fi;
                slab++
            :: slab == SLABS -> break
            od;
            locked[at] = false;
            at++
        :: at == CENTERS -> break
        od;
#ifndef WALK_UNLOCKED
        family = false;
#endif
        slab = 0;
        do
        :: slab < SLABS -> assert(seen[slab] == 1); seen[slab] = 0; slab++
        :: slab == SLABS -> break
        od;
        at = 0; slab = 0;
        n++
    :: n == ROUNDS -> break
    od
}

/* strays_put, with a block of slab 0. */
proctype Putter()
{
    byte n, home;
    do
    :: n < ROUNDS ->
        home = center[0];
        WAIT(locked[home]);
#ifdef ONE_LOOK
        if
        :: true ->
#else
        if
        :: center[0] == home ->
#endif
            assert(list[home] & 1);
            n++
#ifndef ONE_LOOK
        :: else
#endif
        fi;
        locked[home] = false;
        home = 0
    :: n == ROUNDS -> break
    od
}

init {
    byte i;
    atomic {
        do
        :: i < SLABS -> center[i] = i % CENTERS; list[i % CENTERS] = list[i % CENTERS] | (1 << i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < CENTERS -> run Adopter(i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < PUTTERS -> run Putter(); i++
        :: else -> break
        od;
        run Walker()
    }
}
