/*
 * returns.pml - the remote frees of a center (src/pool/returns.c, center.c): a fixed set of
 * batches. A giver that finds the lock taken claims an empty batch by compare-and-swap of the
 * set `free`, fills it in two steps and puts it into the set `filled`; if none is empty it waits
 * for the lock. Who holds the lock empties full batches, one at a time, and puts them back
 * into `free`. Run by `make check-models`.
 *
 * Asserted: a batch that is emptied holds what one giver put there, whole; nothing that was
 * given comes twice, and in the end all of it came, and every batch is empty.
 *
 * Mutants: NO_CAS (a load and a store claim a batch), FULL_EARLY (in `filled` before it is
 * filled), FREE_EARLY (in `free` before it is emptied), CLEAR_LATE (in `free` first, then out
 * of `filled`).
 */
#ifndef GIVERS
#define GIVERS 2
#endif
#ifndef TAKERS
#define TAKERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef BATCHES
#define BATCHES 2
#endif
#define GIFTS   (GIVERS * ROUNDS)

byte free = (1 << BATCHES) - 1; /* returns->free, returns->full: sets of bits */
byte filled;
byte low[BATCHES], high[BATCHES]; /* the two halves of what a batch holds; numbers from 1 */
bool came[GIFTS + 1];
bool locked;
byte ncame, done;

/* What was given has come: into the depot, by who holds the lock. */
inline arrive(x, y)
{
    d_step {
        assert(x == y); /* of one giver, and whole */
        assert(x != 0 && !came[x]);
        came[x] = true;
        ncame++
    }
}

/* batch_claim: `at` is the batch, or BATCHES: none is empty. */
inline claim()
{
    seen = free;
    do
    :: seen == 0 -> at = BATCHES; break
    :: seen != 0 ->
        at = 0;
        do
        :: seen & (1 << at) -> break
        :: else -> at++
        od;
#ifdef NO_CAS
        free = seen & ~(1 << at);
        break
#else
        atomic {
            if
            :: free == seen -> free = seen & ~(1 << at); break
            :: else -> seen = free
            fi
        }
#endif
    od
}

inline set_filled(i)
{
    filled = filled | (1 << i)
}

/* weir__center_give: try the lock, else the returns, else wait for the lock. */
proctype Giver(byte first)
{
    byte n, at, seen, gift;
    bool mine;
    do
    :: n < ROUNDS ->
        gift = first + n;
        atomic { mine = !locked; locked = true };
        if
        :: mine -> skip
        :: else ->
            claim();
            if
            :: at < BATCHES ->
#ifdef FULL_EARLY
                set_filled(at);
#endif
                low[at] = gift;
                high[at] = gift;
#ifndef FULL_EARLY
                set_filled(at);
#endif
            :: else -> atomic { !locked -> locked = true }; mine = true
            fi
        fi;
        if
        :: mine -> arrive(gift, gift); locked = false
        :: else
        fi;
        at = 0; seen = 0; gift = 0; mine = false;
        n++
    :: n == ROUNDS -> break
    od;
    done++
}

/* weir__returns_emptied */
inline emptied(i)
{
#ifdef CLEAR_LATE
    free = free | (1 << i);
    filled = filled & ~(1 << i)
#else
    filled = filled & ~(1 << i);
#ifndef FREE_EARLY
    free = free | (1 << i)
#else
    skip
#endif
#endif
}

/* Any holder of the lock: returns_take_locked, again and again until all was given. */
proctype Taker()
{
    byte at, a, b;
    do
    :: done < GIVERS || filled != 0 ->
        atomic { !locked -> locked = true };
        do
        :: filled == 0 -> break
        :: filled != 0 ->
            at = 0;
            do
            :: filled & (1 << at) -> break
            :: else -> at++
            od;
#ifdef FREE_EARLY
            free = free | (1 << at);
#endif
            a = low[at];
            b = high[at];
            arrive(a, b);
            emptied(at)
        od;
        at = 0; a = 0; b = 0;
        locked = false
    :: done == GIVERS && filled == 0 && !locked -> break
    od;
    assert(ncame == GIFTS && free == (1 << BATCHES) - 1) /* nothing is left behind */
}

init {
    byte i;
    atomic {
        do
        :: i < GIVERS -> run Giver(1 + i * ROUNDS); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < TAKERS -> run Taker(); i++
        :: else -> break
        od
    }
}
