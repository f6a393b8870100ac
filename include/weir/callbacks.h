/*
 * callbacks.h - functions of the program that an allocator calls: before it refuses a request, and
 * when its total comes to be above a soft limit.
 *
 * One of a kind for each allocator. It is called on the thread whose request it is about, before
 * the call of weir returns, with no lock of weir held. It may call all of weir, but must not
 * destroy the allocator or one above it, nor jump or throw out; it returns. While memory is scarce
 * and the program has that watched (pressure.h), refusal callbacks are called on weir's own thread,
 * too: they must be ready for that.
 *
 * Thread rule: any thread may set one at any time. The set function returns when no other thread
 * is in a call of the former, so that its `user` can go then: do not hold a lock that the callback
 * takes. It does not wait for the call that it is made from, nor in a visitor of
 * weir_allocator_walk_children.
 * weir_allocator_destroy ends them, and waits for a call on another thread by the same rule. A
 * forked child has them.
 */
#ifndef WEIR_CALLBACKS_H
#define WEIR_CALLBACKS_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

/* -- refusals ---------------------------------------------------------------------------- */

/* A request that is about to be refused. */
typedef struct weir_refusal {
    weir_allocator *allocator; /* that was asked */
    weir_allocator *limit_of;  /* whose limit does not suffice: itself or one above; NULL: the
                                * system, or who provides the memory, has none */
    size_t size;               /* requested bytes; of a block that is resized, the new size */
    size_t alignment;          /* of the request; of a block that is resized, the block's */
    size_t tries;              /* how often it was refused so far: 1 at first */
} weir_refusal;

/* True: it gave something back, or raised the limit, and the request is tried once more. */
typedef bool weir_refusal_callback(const weir_refusal *refusal, void *user);

/*
 * What is asked before a request for memory of `a` is refused: one in it or in a context below
 * it, of whatever function of weir, also to resize a block. Where a limit does not suffice, asked
 * are the contexts from the request's up to the one with that limit: giving back in those above
 * would not help. Where the system has no memory (what weir itself keeps was given back before),
 * all up to the root. The innermost is asked first, and the first that returns true ends the
 * round: the request is tried, and if it is refused again a new round begins. Nothing bounds the
 * rounds but what `tries` is used for.
 *
 * Not asked about: a size that fits into no memory or is above a limit, as giving back cannot help
 * there; a request from within such a callback of any allocator (it fails as without one), or from
 * a visitor of weir_allocator_walk_children. A block that is being resized must not be freed.
 *
 * While it is called the request counts nowhere: weir_stats.failures counts it only if it is
 * refused in the end; refusals_asked and refusals_averted count those that were asked about, and
 * of them those that went well.
 *
 * Under pressure on memory (pressure.h) those of all allocators are asked, oldest first, with size
 * 0 and tries 0, on weir's thread; what they return is not looked at.
 *
 * NULL: nobody is asked. 0; EINVAL for a NULL allocator; ENOMEM.
 */
WEIR_API int weir_set_refusal_callback(weir_allocator *a, weir_refusal_callback *callback,
                                       void *user) WEIR_NOEXCEPT;

/* -- soft limits -------------------------------------------------------------------------- */

/* The total of `a` was `total`, above its soft limit, when it was crossed; it may be another now.
 */
typedef void weir_soft_limit_callback(weir_allocator *a, size_t total, void *user);

/*
 * Has it called each time the total of `a` (bytes live in it and below) comes to be above `bytes`,
 * from `bytes` or less; not again before it was at `bytes` or less in between. Nothing is refused.
 * No such crossing is missed, however short, and none is reported that was not: the account gives
 * no thread credit past a soft limit, as it gives none past a limit, and as long as the total is
 * above, every allocation and free there is counted under one lock, at some 20 times the cost. So
 * set one where a program seldom is, and raise it, or take it out, in the callback to stay above.
 *
 * Called after the operation that crossed it, before its call of weir returns, or by another
 * thread that uses the allocator at that moment. What crosses it within such a callback, or within
 * a visitor of weir_allocator_walk_children, is reported after a later operation. Several crossings
 * before a thread comes to report them are one call; weir_stats.soft_limit_crossings has their
 * number. One operation that crosses several reports the innermost first.
 *
 * A total that is above `bytes` when it is set does not count as a crossing. 0 bytes: none,
 * `callback` is not used. 0; EINVAL for a NULL allocator or callback; ENOMEM.
 */
WEIR_API int weir_set_soft_limit(weir_allocator *a, size_t bytes,
                                 weir_soft_limit_callback *callback, void *user) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
