/*
 * returns.pml - the remote-free list of a class center (src/pool/center.c): whoever finds
 * the lock taken pushes a batch with one compare-and-swap; who holds the lock takes the
 * whole list with one exchange. GIVERS threads give BATCHES batches each, taken from
 * the empty ones that takers put back (center->remote_spares), so that the same batch comes back while
 * a slow pusher still remembers it as the head (ABA). Run by `make check-models`.
 *
 * Asserted: no batch is lost, none is twice in a list or in a list and in a hand.
 *
 * Mutants: NO_CAS (a load and a store instead of the compare-and-swap), POP_ONE (takers
 * without the lock unlink one batch by compare-and-swap, as a stack would: ABA).
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
#define B 3 /* batches in all, numbered from 1; 0 is the end of a list */
#define NONE 0

byte head;         /* center->returns */
byte next[B + 1];
byte place[B + 1]; /* 0: empty, free to take; 1: in a hand; 2: in the list */
bool locked;       /* the center's lock */
byte given, taken, done;

/* An empty batch object, wherever one is. */
inline empty_take(b)
{
    atomic {
        if
        :: place[1] == 0 -> b = 1
        :: place[2] == 0 -> b = 2
        :: place[3] == 0 -> b = 3
        fi;
        place[b] = 1
    }
}

/* returns_push: load, link, compare-and-swap; the failed swap loads again. */
inline push(b)
{
    h = head;
    do
    :: next[b] = h;
#ifdef NO_CAS
        head = b;
        place[b] = 2;
        break
#else
        atomic {
            if
            :: head == h -> head = b; assert(place[b] == 1); place[b] = 2; break
            :: else -> h = head
            fi
        }
#endif
    od
}

proctype Giver()
{
    byte b, h, n;
    do
    :: n < ROUNDS ->
        empty_take(b);
        given++;
        push(b);
        b = 0; h = 0;
        n++
    :: n == ROUNDS -> break
    od;
    done++
}

inline keep(b)
{
    d_step {
        assert(place[b] == 2); /* neither lost nor in two places */
        place[b] = 0;
        taken++
    }
}

/* returns_take_locked, again and again, until all was given and taken. */
proctype Taker()
{
    byte b, n;
    do
    :: taken < given || done < GIVERS ->
#ifndef POP_ONE
        atomic { !locked -> locked = true };
#else
        b = head;
        if
        :: b != NONE ->
            n = next[b];
            atomic {
                if
                :: head == b -> head = n; keep(b)
                :: else
                fi
            }
        :: else
        fi;
#endif
#ifndef POP_ONE
        atomic { b = head; head = NONE };
        do
        :: b != NONE -> n = next[b]; keep(b); b = n
        :: else -> break
        od;
#endif
        b = 0; n = 0;
        locked = false
    :: taken == given && done == GIVERS -> break
    od;
    assert(head == NONE)
}

init {
    byte i;
    atomic {
        do
        :: i < GIVERS -> run Giver(); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < TAKERS -> run Taker(); i++
        :: else -> break
        od
    }
}
