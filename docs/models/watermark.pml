/*
 * watermark.pml - the protocol of src/track: windows, freezing, SOLO, CREDIT, SHARED and
 * limits, over a tree of a root and, with -DTREE, two children. Run by `make
 * check-models`, which also runs the mutants named below and expects them to fail.
 *
 * N threads do K operations each, all interleavings. An owner's plain stores go through
 * a FIFO store buffer (x86-TSO); locked instructions drain their own buffer, membarrier
 * drains the others', one after another. What the code chooses by measuring (SOLO or
 * CREDIT, how large a grant, whether SHARED) is free here: every choice is tried.
 *
 * `ghost` is the truth: it changes where an operation takes effect (its store of `used`,
 * its atomic addition, or the change under the lock). Asserted: after a freeze base is
 * the ghost's total; no limit is passed, no request is refused that fits; at every exact
 * reading and at the end total and peak are the ghost's.
 *
 * Mutants: NO_FENCE, NO_WAIT (the freezer), AWAY_EARLY (a thread says that it is away while it is
 * still inside), AWAY_STAYS (and does not take it back), FREE_UNCLOSED (frees ignore a closed
 * window), HI_EARLY (the high-water mark noted before the operation is sure), SHARED_PLAIN (a
 * SHARED operation enters by a plain store), SHARED_NO_WAIT (leaving SHARED), PEAK_NO_WAIT (reading
 * the peak while SHARED), GRANT_ALL (credit beyond the peak), SOLO_BESIDE (SOLO while another
 * window is open; needs K=3).
 *
 * With -DHELD somebody closes the window of thread 0 and works on its bins; SHARED_PLAIN and
 * HELD_NO_WAIT fail there, too. With -DUNFENCE membarrier is given up at some moment
 * (track/fences.c).
 */
#ifndef N
#define N 2
#endif
#ifndef K
#define K 2
#endif
#ifdef TREE
#define M 3
#define METER(t) (1 + (t) % 2)
#define UP(m) ((m) -> 0 : M)
#else
#define M 1
#define METER(t) 0
#define UP(m) M
#endif
#ifndef LIMIT
#define LIMIT 100 /* none */
#endif
#define CLOSED (-100)
#define WITHIN(m, top) ((top) == 0 || (m) == (top))

#define INSIDE 0
#define HI 1
#define USED 2
#define AWAY 3
#define CAP 4

/* Under the lock. */
bool locked;
short base[M], level[M], peak[M];
byte nopen[M], solo[M]; /* 0: none, else thread + 1 */
bool open[N], waiting[N];
short granted[N], origin[N];

/* Shared memory of the windows, and the buffers before it. */
short cap[N], hi[N], used[N];
bool inside[N], away[N];
chan buffer[N] = [8] of { byte, short };

#ifdef HELD
bool heap, held, working; /* of thread 0: its heap's lock; held by; its bins are worked on */
#define bins_use() assert(me != 0 || !working)
#else
#define bins_use()
#endif

bool shared;
bool nofence; /* membarrier was given up */
short shared_live[M], shared_peak[M];

short ghost[M], ghost_peak[M];
byte blocks; /* of one byte, for whoever frees */
byte done;

/* -- memory ---------------------------------------------------------------------- */

inline drain_one(t)
{
    d_step {
        buffer[t] ? var, val;
        if
        :: var == INSIDE -> inside[t] = val
        :: var == HI -> hi[t] = val
        :: var == USED -> used[t] = val
        :: var == AWAY -> away[t] = val
        :: var == CAP -> cap[t] = val
        fi;
        var = 0; val = 0
    }
}

inline drain(t)
{
    do
    :: atomic { len(buffer[t]) > 0 -> drain_one(t) }
    :: atomic { len(buffer[t]) == 0 -> break }
    od
}

/* -- the ghost --------------------------------------------------------------------- */

inline ghost_add(m, d)
{
    ghost[m] = ghost[m] + d;
    ghost_peak[m] = (ghost[m] > ghost_peak[m] -> ghost[m] : ghost_peak[m]);
    assert(m != 0 || ghost[m] <= LIMIT)
}

inline ghost_change(t, d)
{
    ghost_add(METER(t), d);
#ifdef TREE
    ghost_add(0, d)
#endif
}

/* -- windows, under the lock ----------------------------------------------------------- */

inline fold_at(w, m)
{
    if
    :: solo[m] == w + 1 ->
        peak[m] = (base[m] + hi[w] - origin[w] > peak[m] -> base[m] + hi[w] - origin[w] : peak[m]);
        solo[m] = 0
    :: else
    fi;
    base[m] = base[m] + used[w] - origin[w];
    level[m] = level[m] + used[w] - granted[w];
    nopen[m]--
}

inline fold(w)
{
    d_step {
        fold_at(w, METER(w));
#ifdef TREE
        fold_at(w, 0);
#endif
        origin[w] = used[w];
        open[w] = false
    }
}

/* Closes the windows below top. Threads of others come to the lock by themselves, or are fenced and
 * waited for. */
inline shut(top, me)
{
    i = 0;
    do
    :: i < N && open[i] && WITHIN(METER(i), top) -> cap[i] = CLOSED; waiting[i] = (i != me); i++
    :: i < N && !(open[i] && WITHIN(METER(i), top)) -> i++
    :: i == N -> break
    od;
    i = 0;
    do
    :: i < N && waiting[i] ->
        assert(!nofence); /* no window is open then */
        if
        :: away[i] -> waiting[i] = false
        :: true ->
#ifndef NO_FENCE
            drain(i)
#else
            skip
#endif
        fi;
        i++
    :: i < N && !waiting[i] -> i++
    :: i == N -> break
    od;
    i = 0;
    do
    :: i < N && waiting[i] ->
#ifndef NO_WAIT
        !inside[i] || away[i];
#endif
        waiting[i] = false;
        i++
    :: i < N && !waiting[i] -> i++
    :: i == N -> break
    od;
    i = 0
}

inline freeze(top, me)
{
    shut(top, me);
    do
    :: i < N && open[i] && WITHIN(METER(i), top) -> fold(i); i++
    :: i < N && !(open[i] && WITHIN(METER(i), top)) -> i++
    :: i == N -> break
    od;
    i = 0;
    d_step {
        assert(base[top] == ghost[top]);
        assert(level[top] == base[top]);
        assert(peak[top] == ghost_peak[top])
    }
}

inline grant_at(m, g) { level[m] = level[m] + g; nopen[m]++ }

inline window_open(g, alone)
{
    d_step {
        grant = g;
        grant_at(METER(me), grant);
        solo[METER(me)] = (alone -> me + 1 : solo[METER(me)]);
#ifdef TREE
        grant_at(0, grant);
        solo[0] = (alone -> me + 1 : solo[0]);
#endif
        open[me] = true;
        granted[me] = my_used + grant;
        grant = 0;
        my_hi = (alone -> my_used : granted[me]);
        hi[me] = my_hi;
        cap[me] = granted[me]
    }
}

#define LEAST(a, b) ((a) < (b) -> (a) : (b))
#define ROOM1(m) (LEAST(peak[m], ((m) == 0 -> LIMIT : 100)) - level[m])
#ifdef TREE
#define ROOM(m) (LEAST(ROOM1(m), ROOM1(0)))
#define NONE_OPEN(m) (nopen[m] == 0 && nopen[0] == 0)
#else
#define ROOM(m) ROOM1(m)
#define NONE_OPEN(m) (nopen[m] == 0)
#endif
/* The tops that a change of d must freeze: the highest in want; M: none. */
#define LACKS(m, d) (solo[m] != 0 || ((d) > 0 && ROOM1(m) < (d)))

/* -- SHARED -------------------------------------------------------------------------------- */

inline shared_enter()
{
    d_step {
        j = 0;
        do
        :: j < M -> shared_live[j] = base[j]; shared_peak[j] = peak[j]; j++
        :: else -> break
        od;
        j = 0;
        shared = true
    }
}

inline await_all()
{
    i = 0;
    do
    :: i < N -> !inside[i]; i++
    :: i == N -> break
    od;
    i = 0
}

inline shared_leave()
{
    if
    :: shared ->
        shared = false;
#ifndef SHARED_NO_WAIT
        await_all();
#endif
        i = 0;
        d_step {
            j = 0;
            do
            :: j < M ->
                base[j] = shared_live[j];
                level[j] = base[j];
                peak[j] = (shared_peak[j] > peak[j] -> shared_peak[j] : peak[j]);
                assert(base[j] == ghost[j] && peak[j] == ghost_peak[j]);
                j++
            :: else -> break
            od;
            j = 0
        }
    :: else
    fi
}

inline shared_add(m, d)
{
    atomic {
        shared_live[m] = shared_live[m] + d;
        j = shared_live[m];
        ghost_add(m, d)
    }
    atomic {
        shared_peak[m] = (j > shared_peak[m] -> j : shared_peak[m]);
        j = 0
    }
}

/* -- an operation ------------------------------------------------------------------------------ */

#define store(what, value) buffer[me] ! what, value

inline lock_take() { atomic { !locked -> locked = true }; drain(me) }
inline lock_drop() { drain(me); locked = false }

#ifdef HELD
inline heap_take() { if :: me == 0 -> atomic { !heap -> heap = true } :: else fi }
inline heap_drop() { if :: me == 0 -> heap = false :: else fi }
#else
#define heap_take()
#define heap_drop()
#endif

/* The fast way; `fast` tells whether it went. */
inline operation_fast(d)
{
    store(INSIDE, 1);
#ifdef AWAY_EARLY
    store(AWAY, 1);
#endif
    fast = false;
    if
#ifdef FREE_UNCLOSED
    :: cap[me] >= my_used + d || d < 0 ->
#else
    :: cap[me] >= my_used + d ->
#endif
#ifdef HI_EARLY
        if
        :: my_used + d > my_hi -> my_hi = my_used + d; store(HI, my_hi)
        :: else
        fi;
#endif
        if
        :: fast = true /* the thread cache has a block */
        :: skip        /* it is empty: the slow way, which may fail for want of memory */
        fi
    :: else
    fi;
    if
    :: fast ->
        bins_use();
        if
        :: my_used + d > my_hi -> my_hi = my_used + d; store(HI, my_hi)
        :: else
        fi;
        atomic {
            store(USED, my_used + d);
            my_used = my_used + d;
            ghost_change(me, d)
        }
    :: else
    fi;
    store(INSIDE, 0)
}

inline choose()
{
    if
#ifdef SOLO_BESIDE
    :: !open[me] ->
        window_open(LIMIT - level[0], true)
#else
    :: !nofence && NONE_OPEN(METER(me)) -> /* SOLO: everything up to the limit */
        window_open(LIMIT - level[0], true)
#endif
#ifdef GRANT_ALL
    :: solo[0] == 0 -> window_open(2, false)
#else
    :: !nofence && solo[0] == 0 && ROOM(METER(me)) >= 1 -> window_open(1, false)
    :: !nofence && solo[0] == 0 && ROOM(METER(me)) >= 2 -> window_open(2, false)
#endif
    :: skip
    :: LIMIT == 100 && nopen[0] == 0 -> shared_enter()
    fi
}

inline operation_slow(d)
{
    went = false;
    if
    :: shared ->
        store(INSIDE, 1);
#ifndef SHARED_PLAIN
        drain(me); /* an exchange */
#endif
        if
#ifdef HELD
        :: shared && !(me == 0 && held) ->
#else
        :: shared ->
#endif
            bins_use();
            drain(me); /* the additions are locked instructions */
            shared_add(METER(me), d);
#ifdef TREE
            shared_add(0, d);
#endif
            went = true
        :: else
        fi;
        store(INSIDE, 0)
    :: else
    fi;
    if
    :: went -> fits = true
    :: else ->
        heap_take();
        store(CAP, CLOSED);
        store(AWAY, 1);
        lock_take();
#ifndef AWAY_STAYS
        store(AWAY, 0);
#endif
        shared_leave();
        if
        :: open[me] -> cap[me] = CLOSED; fold(me)
        :: else
        fi;
        top = M;
        if
        :: LACKS(0, d) -> top = 0
        :: !LACKS(0, d) && LACKS(METER(me), d) -> top = METER(me)
        :: else
        fi;
        fits = true;
        if
        :: top < M ->
            freeze(top, me);
            fits = (d <= 0 || base[0] + d <= LIMIT);
            assert(fits || ghost[0] + d > LIMIT) /* refused only where it would not fit */
        :: else
        fi;
        if
        :: fits ->
            d_step {
                base[METER(me)] = base[METER(me)] + d;
                level[METER(me)] = level[METER(me)] + d;
                peak[METER(me)] = (base[METER(me)] > peak[METER(me)] -> base[METER(me)] : peak[METER(me)]);
#ifdef TREE
                base[0] = base[0] + d;
                level[0] = level[0] + d;
                peak[0] = (base[0] > peak[0] -> base[0] : peak[0]);
#endif
                ghost_change(me, d)
            }
        :: else
        fi;
        choose();
        lock_drop();
        heap_drop()
    fi
}

/* An exact reading, a reset of the root's peak, or the peak alone. */
inline look()
{
    lock_take();
    if
    :: /* weir__meter_read: shut, look, open again */
        went = shared;
        shared_leave();
        shut(0, me);
        d_step {
            val = base[0];
            j = 0;
            do
            :: j < N -> val = val + used[j] - origin[j]; j++
            :: else -> break
            od;
            assert(val == ghost[0]);
            val = (solo[0] != 0 && base[0] + hi[solo[0] - 1] - origin[solo[0] - 1] > peak[0]
                   -> base[0] + hi[solo[0] - 1] - origin[solo[0] - 1] : peak[0]);
            assert(val == ghost_peak[0]);
            val = 0;
            j = 0;
            do
            :: j < N -> cap[j] = (open[j] && !away[j] -> granted[j] : cap[j]); j++
            :: else -> break
            od;
            j = 0
        }
        if
        :: went -> shared_enter()
        :: else
        fi
    :: /* weir_reset_peak */
        went = shared;
        shared_leave();
        freeze(0, me);
        d_step {
            peak[0] = base[0];
            ghost_peak[0] = ghost[0]
        }
        if
        :: went -> shared_enter()
        :: else
        fi
    :: shared -> /* weir__meter_peak: what was reached before is in it */
        seen = ghost_peak[0];
#ifndef PEAK_NO_WAIT
        await_all();
#endif
        assert(shared_peak[0] >= seen);
        seen = 0
    fi;
    went = false;
    lock_drop()
}

proctype Thread(byte me)
{
    byte k, i, top, var;
    short j, val, seen, d, grant, my_used, my_hi;
    bool fast, went, fits;
    do
    :: k < K ->
        if
        :: d = 1
        :: d = 2
        :: atomic { blocks > 0 -> blocks--; d = -1 }
#ifdef LOOK
        :: d = 0
#endif
        fi;
        if
        :: d != 0 ->
            operation_fast(d);
            fits = fast;
            if
            :: !fast && d > 0 -> skip /* no memory: it fails, and nothing may have changed */
            :: !fast -> operation_slow(d)
            :: fast
            fi;
            if
            :: fits && d > 0 -> atomic { blocks = blocks + d }
            :: else
            fi
        :: else -> look()
        fi;
        d = 0; fast = false; went = false; fits = false; top = 0;
        k++
    :: k == K -> break
    od;
    drain(me);
    done++
}

#ifdef UNFENCE
/* weir__meters_unfence; then somebody begins SHARED again, and ends it without a fence. */
proctype Unfencer()
{
    byte i, var;
    short j, val;
    atomic { !locked -> locked = true };
    shared_leave();
    freeze(0, N);
    nofence = true;
    if
    :: LIMIT == 100 && nopen[0] == 0 -> shared_enter()
    :: skip
    fi;
    locked = false;
    atomic { !locked -> locked = true };
    shared_leave();
    locked = false;
    done++
}
#endif

#ifdef HELD
/* weir__window_close of thread 0's window, work on its bins, weir__window_release. */
proctype Trimmer()
{
    byte i, var;
    short val;
    atomic { !heap -> heap = true };
    atomic { !locked -> locked = true };
    held = true;
    if
    :: open[0] ->
        cap[0] = CLOSED;
        drain(0);
        !inside[0];
        fold(0)
    :: else ->
#ifndef HELD_NO_WAIT
        !inside[0]
#else
        skip
#endif
    fi;
    locked = false;
    working = true;
    working = false;
    held = false;
    heap = false;
    done++
}
#endif

/* Owners' stores reach memory whenever they please. */
proctype Memory(byte t)
{
    byte var;
    short val;
end:
    do
    :: atomic { len(buffer[t]) > 0 -> drain_one(t) }
    od
}

/* When all are done: nothing moves, the figures are the truth. */
inline end_check()
{
    d_step {
        j = 0;
        do
        :: j < M ->
            val = base[j];
            i = 0;
            do
            :: i < N -> val = val + ((METER(i) == j || j == 0) -> used[i] - origin[i] : 0); i++
            :: else -> break
            od;
            assert((shared -> shared_live[j] : val) == ghost[j]);
            val = (solo[j] != 0 && base[j] + hi[solo[j] - 1] - origin[solo[j] - 1] > peak[j]
                   -> base[j] + hi[solo[j] - 1] - origin[solo[j] - 1] : peak[j]);
            assert((shared -> shared_peak[j] : val) == ghost_peak[j]);
            j++
        :: else -> break
        od
    }
}

init {
    byte i, all;
    short j, val;
    atomic {
        i = 0;
        do
        :: i < N -> cap[i] = CLOSED; run Memory(i); run Thread(i); i++
        :: else -> break
        od;
#ifdef UNFENCE
        run Unfencer();
#endif
#ifdef HELD
        run Trimmer();
#endif
        all = _nr_pr - 1 - N
    }
    done == all;
    end_check()
}
