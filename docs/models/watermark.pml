/*
 * watermark.pml - the protocol of src/track: windows, freezing, SOLO, CREDIT, SHARED and
 * limits, over a tree of a root and, with -DTREE, two children, where a thread has a window at its
 * child and one at the root. Run by `make check-models`, which also runs the mutants named below
 * and expects them to fail.
 *
 * N threads do K operations each, all interleavings. An owner's plain stores go through
 * a FIFO store buffer (x86-TSO); locked instructions drain their own buffer, membarrier
 * drains the others', one after another. What the code chooses by measuring (SOLO or
 * CREDIT, how large a grant, whether SHARED) is free here: every choice is tried.
 *
 * `ghost` is the truth: it changes where an operation takes effect (its store of `used`,
 * its atomic addition, or the change under the lock). Asserted: after a freeze base is
 * the ghost's total; no limit is passed, no request is refused that fits; at every exact
 * reading and at the end total and peak are the ghost's. Each meter has a ghost of its own.
 *
 * Mutants: NO_FENCE, NO_WAIT (the freezer), AWAY_EARLY (a thread says that it is away while it is
 * still inside), AWAY_STAYS (and does not take it back), FREE_UNCLOSED (frees ignore a closed
 * window), HI_EARLY (the high-water mark noted before the operation is sure), SHARED_PLAIN (a
 * SHARED operation enters by a plain store), SHARED_NO_WAIT (leaving SHARED), PEAK_NO_WAIT (reading
 * the peak while SHARED), GRANT_ALL (credit beyond the peak), SOLO_BESIDE (SOLO while another
 * window is open; needs K=3). With -DTREE: BUSY_BELOW (an operation is busy in the lower window,
 * and who closes the root's looks there), ABOVE_UNCHECKED (it looks at its own cap alone).
 *
 * With -DHELD somebody closes the root window of thread 0 and works on its bins; SHARED_PLAIN and
 * HELD_NO_WAIT fail there, too. With -DTREE thread 0 works in its child or in the root, and
 * HELD_OPENED fails (an operation of the child opens the root window while that is held). With
 * -DUNFENCE membarrier is given up at some moment (track/fences.c).
 */
#ifndef N
#define N 2
#endif
#ifndef K
#define K 2
#endif
/* Windows 0 to N-1 are the threads' at the root, those that follow at their children. */
#ifdef TREE
#define M 3
#define W (2 * N)
#define METER(w) (((w) / N) * (1 + ((w) % N) % 2))
#define OWNER(w) ((w) % N)
#define LOWEST(t) (N + (t))
#else
#define M 1
#define W N
#define METER(w) 0
#define OWNER(w) (w)
#define LOWEST(t) (t)
#endif
#ifndef LIMIT
#define LIMIT 100 /* none */
#endif
#define LIMIT_OF(m) ((m) == 0 -> LIMIT : 100)
#define CLOSED (-100)

#define INSIDE 0 /* the busy bit of the top window */
#define BELOW 1  /* and of the lower one, for operations on shared atomics */
#define AWAY 2
#define HI 3 /* two each: the root window's, the lower one's */
#define USED 5
#define CAP 7
#define LOWER(w) ((w) / N)

/* Under the lock. */
bool locked;
short base[M], level[M], peak[M];
byte nopen[M], solo[M]; /* 0: none, else window + 1 */
bool open[W], waiting[W];
short granted[W], origin[W];

/* Shared memory of the windows, and the buffers before it. */
short cap[W], hi[W], used[W];
bool inside[N], below[N], away[N];
chan buffer[N] = [10] of { byte, short };

#ifdef HELD
bool heap, held, working; /* of thread 0's root: its heap's lock; held by; its bins are worked on */
#define bins_use() assert(low != 0 || !working)
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
        :: var == BELOW -> below[t] = val
        :: var == AWAY -> away[t] = val
        :: var == HI -> hi[t] = val
        :: var == USED -> used[t] = val
        :: var == CAP -> cap[t] = val
#ifdef TREE
        :: var == HI + 1 -> hi[N + t] = val
        :: var == USED + 1 -> used[N + t] = val
        :: var == CAP + 1 -> cap[N + t] = val
#endif
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
    assert(ghost[m] <= LIMIT_OF(m))
}

/* -- windows, under the lock ----------------------------------------------------------- */

inline fold_at(w)
{
    if
    :: solo[METER(w)] == w + 1 ->
        peak[METER(w)] = (base[METER(w)] + hi[w] - origin[w] > peak[METER(w)]
                          -> base[METER(w)] + hi[w] - origin[w] : peak[METER(w)]);
        solo[METER(w)] = 0
    :: else
    fi;
    base[METER(w)] = base[METER(w)] + used[w] - origin[w];
    level[METER(w)] = level[METER(w)] + used[w] - granted[w];
    nopen[METER(w)]--
}

inline fold(w)
{
    d_step {
        fold_at(w);
        origin[w] = used[w];
        open[w] = false
    }
}

#ifdef BUSY_BELOW
#define OUTSIDE(w) (!inside[OWNER(w)])
#else
/* Who closes a lower window looks at both. */
#define OUTSIDE(w) (!inside[OWNER(w)] && ((w) < N || !below[OWNER(w)]))
#endif
#define SHUTS(w, m) (open[w] && METER(w) == (m))

/* Closes the windows of m. Threads of others come to the lock by themselves, or are fenced and
 * waited for. */
inline shut(m, me)
{
    i = 0;
    do
    :: i < W && SHUTS(i, m) -> cap[i] = CLOSED; waiting[i] = (OWNER(i) != me); i++
    :: i < W && !SHUTS(i, m) -> i++
    :: i == W -> break
    od;
    i = 0;
    do
    :: i < W && waiting[i] ->
        assert(!nofence); /* no window is open then */
        if
        :: away[OWNER(i)] -> waiting[i] = false
        :: true ->
#ifndef NO_FENCE
            drain(OWNER(i))
#else
            skip
#endif
        fi;
        i++
    :: i < W && !waiting[i] -> i++
    :: i == W -> break
    od;
    i = 0;
    do
    :: i < W && waiting[i] ->
#ifndef NO_WAIT
        OUTSIDE(i) || away[OWNER(i)];
#endif
        waiting[i] = false;
        i++
    :: i < W && !waiting[i] -> i++
    :: i == W -> break
    od;
    i = 0
}

inline freeze(m, me)
{
    shut(m, me);
    do
    :: i < W && SHUTS(i, m) -> fold(i); i++
    :: i < W && !SHUTS(i, m) -> i++
    :: i == W -> break
    od;
    i = 0;
    d_step {
        assert(base[m] == ghost[m]);
        assert(level[m] == base[m]);
        assert(peak[m] == ghost_peak[m])
    }
}

/* Of all meters below the root, whose windows are closed: nobody is inside. */
#ifdef TREE
inline fold_quiet()
{
    d_step {
        j = N;
        do
        :: j < W ->
            if
            :: open[j] ->
                cap[j] = CLOSED;
                fold_at(j);
                origin[j] = used[j];
                open[j] = false
            :: else
            fi;
            j++
        :: else -> break
        od;
        j = 0
    }
}
#else
#define fold_quiet() skip
#endif

inline window_open(w, alone)
{
    d_step {
        level[METER(w)] = level[METER(w)] + grant;
        nopen[METER(w)]++;
        solo[METER(w)] = (alone -> w + 1 : solo[METER(w)]);
        open[w] = true;
        granted[w] = my_used[LOWER(w)] + grant;
        grant = 0;
        my_hi[LOWER(w)] = (alone -> my_used[LOWER(w)] : granted[w]);
        hi[w] = my_hi[LOWER(w)];
        cap[w] = granted[w]
    }
}

#define LEAST(a, b) ((a) < (b) -> (a) : (b))
#define ROOM(m) (LEAST(peak[m], LIMIT_OF(m)) - level[m])
/* Must it be frozen before a change of d? */
#define LACKS(m, d) (solo[m] != 0 || ((d) > 0 && ROOM(m) < (d)))
/* The own window is open, and a change of d within its grant. */
#define ADMITS(w, d) (open[w] && used[w] + (d) <= granted[w])

/* -- SHARED -------------------------------------------------------------------------------- */

inline shared_enter()
{
    fold_quiet();
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
    :: i < N -> !inside[i] && !below[i]; i++
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
#define SHARED_BUSY (low < N -> INSIDE : BELOW)

inline lock_take() { atomic { !locked -> locked = true }; drain(me) }
inline lock_drop() { drain(me); locked = false }

#ifdef HELD
inline heap_take() { if :: low == 0 -> atomic { !heap -> heap = true } :: else fi }
inline heap_drop() { if :: low == 0 -> heap = false :: else fi }
#else
#define heap_take()
#define heap_drop()
#endif

#define MAY(w) (cap[w] >= my_used[LOWER(w)] + d FREES)
#ifdef FREE_UNCLOSED
#define FREES || d < 0
#else
#define FREES
#endif
#ifdef ABOVE_UNCHECKED
#define MAY_ABOVE true
#else
#define MAY_ABOVE (low < N || MAY(me))
#endif
#if defined(BUSY_BELOW) && defined(TREE)
#define BUSY (low < N -> INSIDE : BELOW)
#else
#define BUSY INSIDE
#endif

inline high_store(l)
{
    if
    :: my_used[l] + d > my_hi[l] -> my_hi[l] = my_used[l] + d; store(HI + l, my_hi[l])
    :: else
    fi
}

inline used_store(l, m)
{
    high_store(l);
    atomic {
        store(USED + l, my_used[l] + d);
        my_used[l] = my_used[l] + d;
        ghost_add(m, d)
    }
}

/* The fast way; `fast` tells whether it went. */
inline operation_fast(d)
{
    store(BUSY, 1);
#ifdef AWAY_EARLY
    store(AWAY, 1);
#endif
    fast = false;
    if
    :: MAY(low) ->
        if
        :: MAY_ABOVE ->
#ifdef HI_EARLY
#ifdef TREE
            high_store(1);
#endif
            high_store(0);
#endif
            if
            :: fast = true /* the thread cache has a block */
            :: skip        /* it is empty: the slow way, which may fail for want of memory */
            fi
        :: else
        fi
    :: else
    fi;
    if
    :: fast ->
        bins_use();
#ifdef TREE
        if
        :: low >= N -> top = METER(low); used_store(1, top); top = 0
        :: else
        fi;
#endif
        used_store(0, 0)
    :: else
    fi;
    store(BUSY, 0)
}

#ifdef HELD_OPENED
#define OPENS(w) (!nofence && !open[w])
#elif defined(HELD)
#define OPENS(w) (!nofence && !open[w] && !(me == 0 && held))
#else
#define OPENS(w) (!nofence && !open[w])
#endif

inline window_choose(w)
{
    if
#ifdef SOLO_BESIDE
    :: !open[w] ->
        grant = LIMIT_OF(METER(w)) - level[METER(w)];
        window_open(w, true)
#else
    :: OPENS(w) && nopen[METER(w)] == 0 -> /* SOLO: everything up to the limit */
        grant = LIMIT_OF(METER(w)) - level[METER(w)];
        window_open(w, true)
#endif
#ifdef GRANT_ALL
    :: !open[w] && solo[METER(w)] == 0 -> grant = 2; window_open(w, false)
#else
    :: OPENS(w) && solo[METER(w)] == 0 && ROOM(METER(w)) >= 1 -> grant = 1; window_open(w, false)
    :: OPENS(w) && solo[METER(w)] == 0 && ROOM(METER(w)) >= 2 -> grant = 2; window_open(w, false)
#endif
    :: skip
    fi
}

/* The root's first; without it none below. */
inline choose()
{
    window_choose(me);
#ifdef TREE
    if
    :: open[me] && low >= N -> window_choose(low)
    :: else
    fi;
#endif
    if
    :: LIMIT == 100 && nopen[0] == 0 -> shared_enter()
    :: skip
    fi
}

/* Makes the meter of w ready to count a change of d in its base. */
inline level_ready(w, d)
{
    if
    :: ADMITS(w, d)
    :: else ->
        if
        :: open[w] -> fold(w)
        :: else
        fi;
        if
        :: LACKS(METER(w), d) -> top = METER(w); freeze(top, me); top = 0
        :: else
        fi;
        if
        :: d > 0 && base[METER(w)] + d > LIMIT_OF(METER(w)) ->
            fits = false;
            assert(ghost[METER(w)] + d > LIMIT_OF(METER(w))) /* only where it would not fit */
        :: else
        fi
    fi
}

inline level_add(w, d)
{
    if
    :: ADMITS(w, d) ->
        my_hi[LOWER(w)] =
            (my_used[LOWER(w)] + d > my_hi[LOWER(w)] -> my_used[LOWER(w)] + d : my_hi[LOWER(w)]);
        my_used[LOWER(w)] = my_used[LOWER(w)] + d;
        hi[w] = my_hi[LOWER(w)];
        used[w] = my_used[LOWER(w)]
    :: else ->
        base[METER(w)] = base[METER(w)] + d;
        level[METER(w)] = level[METER(w)] + d;
        peak[METER(w)] = (base[METER(w)] > peak[METER(w)] -> base[METER(w)] : peak[METER(w)])
    fi;
    top = METER(w);
    ghost_add(top, d);
    top = 0
}

inline operation_slow(d)
{
    went = false;
    if
    :: shared ->
        store(SHARED_BUSY, 1);
#ifndef SHARED_PLAIN
        drain(me); /* an exchange */
#endif
        if
#ifdef HELD
        :: shared && !(low == 0 && held) ->
#else
        :: shared ->
#endif
            bins_use();
            drain(me); /* the additions are locked instructions */
#ifdef TREE
            if
            :: low >= N -> top = METER(low); shared_add(top, d); top = 0
            :: else
            fi;
#endif
            shared_add(0, d);
            went = true
        :: else
        fi;
        store(SHARED_BUSY, 0)
    :: else
    fi;
    if
    :: went -> fits = true
    :: else ->
        heap_take();
#ifdef TREE
        if
        :: low >= N -> store(CAP + 1, CLOSED)
        :: else
        fi;
#endif
        store(CAP, CLOSED);
        store(AWAY, 1);
        lock_take();
#ifndef AWAY_STAYS
        store(AWAY, 0);
#endif
        shared_leave();
        fits = true;
#ifdef TREE
        if
        :: low >= N -> level_ready(low, d)
        :: else
        fi;
#endif
        if
        :: fits -> level_ready(me, d)
        :: else
        fi;
        d_step {
            if
            :: fits ->
#ifdef TREE
                if
                :: low >= N -> level_add(low, d)
                :: else
                fi;
#endif
                level_add(me, d)
            :: else
            fi
        }
        choose();
        d_step {
            cap[me] = (open[me] -> granted[me] : cap[me]);
#ifdef TREE
            if
            :: low >= N -> cap[low] = (open[low] -> granted[low] : cap[low])
            :: else
            fi
#endif
        }
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
    byte k, i, low = LOWEST(me), top, var;
    short j, val, seen, d, grant, my_used[2], my_hi[2];
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
#if defined(TREE) && defined(HELD)
            if
            :: me == 0 -> low = 0
            :: low = LOWEST(me)
            fi;
#endif
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
        d = 0; fast = false; went = false; fits = false;
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
    fold_quiet();
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
/* weir__window_close of thread 0's root window, work on its bins, weir__window_release. */
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
            :: i < W -> val = val + (METER(i) == j -> used[i] - origin[i] : 0); i++
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
        :: i < N ->
            cap[i] = CLOSED;
            cap[LOWEST(i)] = CLOSED;
            run Memory(i);
            run Thread(i);
            i++
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
