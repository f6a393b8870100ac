/* pool/center.c - see center.h for what is kept and how it is locked. */
#include "pool/center.h"

#include "backing/meta.h"
#include "pool/double_free.h"
#include "pool/store.h"

#include <string.h>

/* A class keeps about this much in batches: a batch moves for a tenth of what it costs to
 * put its blocks into slabs and to take them out again. */
#define BATCHED_SMALL (256 * WEIR__KIB) /* blocks of at most 512 bytes */
#define BATCHED_OTHER (64 * WEIR__KIB)

void weir__center_init(struct weir__center *center, unsigned class, struct weir__store *store,
                       const void *owner)
{
    memset(center, 0, sizeof *center);
    weir__lock_init(&center->lock, WEIR__RANK_CLASS);
    center->class = (uint16_t) class;
    center->batch = (uint16_t)weir__class_batch(class);
    center->store = store;
    center->owner = owner;
    size_t size = weir__class_bytes[class], bytes = center->batch * size;
    center->most_batches = (uint16_t)((size <= 512 ? BATCHED_SMALL : BATCHED_OTHER) / bytes + 1);
}

/* -- lists of slabs ------------------------------------------------------------ */

static void slab_link(struct weir__slab **list, struct weir__slab *slab)
{
    slab->prev = NULL;
    slab->next = *list;
    if (slab->next)
        slab->next->prev = slab;
    *list = slab;
}

static void slab_unlink(struct weir__slab **list, struct weir__slab *slab)
{
    if (slab->next)
        slab->next->prev = slab->prev;
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        *list = slab->next;
}

static struct weir__slab *slab_add_locked(struct weir__center *center)
{
    struct weir__slab *slab = weir__store_take_slab(center->store);
    if (!slab)
        return NULL;
    weir__slab_init(slab, center->class, center->owner, center);
    slab_link(&center->partial, slab);
    __atomic_store_n(&center->nslabs, center->nslabs + 1, __ATOMIC_RELAXED);
    return slab;
}

static unsigned slabs_take_locked(struct weir__center *center, struct weir__slot *slots,
                                  unsigned wanted)
{
    unsigned count = 0;
    while (count < wanted) {
        struct weir__slab *slab = center->partial;
        if (!slab && (count || !(slab = slab_add_locked(center))))
            break;
        while (count < wanted && weir__slab_has_free(slab)) {
            unsigned index = weir__slab_take(slab);
            slots[count++] =
                (struct weir__slot){weir__slab_block(slab, index), &slab->words[index]};
        }
        if (!weir__slab_has_free(slab)) {
            slab_unlink(&center->partial, slab);
            slab_link(&center->full, slab);
        }
    }
    center->nout += count;
    return count;
}

static void block_put_locked(struct weir__center *center, const struct weir__slot *slot)
{
    struct weir__slab *slab = weir__slab_of(slot->block);
    bool was_full = !weir__slab_has_free(slab);
    if (weir__unlikely(!weir__slab_put(slab, slot->word))) {
        weir__double_free_note(slot->block); /* two threads freed it at one instant */
        return;
    }
    center->nout--;
    if (slab->nout == 0) {
        slab_unlink(was_full ? &center->full : &center->partial, slab);
        __atomic_store_n(&center->nslabs, center->nslabs - 1, __ATOMIC_RELAXED);
        weir__store_give_slab(center->store, slab);
    } else if (was_full) {
        slab_unlink(&center->full, slab);
        slab_link(&center->partial, slab);
    }
}

/* -- batches ------------------------------------------------------------------- */

static void batch_link(struct weir__batch **list, struct weir__batch *batch)
{
    batch->next = *list;
    *list = batch;
}

static struct weir__batch *batch_unlink(struct weir__batch **list)
{
    struct weir__batch *batch = *list;
    if (batch)
        *list = batch->next;
    return batch;
}

/* Moves what other threads returned to the batches. */
static void returns_take_locked(struct weir__center *center)
{
    if (weir__likely(!__atomic_load_n(&center->returns, __ATOMIC_RELAXED)))
        return;
    struct weir__batch *batch = __atomic_exchange_n(&center->returns, NULL, __ATOMIC_ACQUIRE);
    while (batch) {
        struct weir__batch *next = batch->next;
        batch_link(&center->batches, batch);
        center->nbatches++;
        batch = next;
    }
}

static void returns_push(struct weir__center *center, struct weir__batch *batch)
{
    struct weir__batch *head = __atomic_load_n(&center->returns, __ATOMIC_RELAXED);
    do
        batch->next = head;
    while (!__atomic_compare_exchange_n(&center->returns, &head, batch, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED));
}

static void batch_fill(struct weir__batch *batch, const struct weir__slot *slots, unsigned count)
{
    batch->count = count;
    memcpy(batch->slots, slots, count * sizeof *slots);
}

/* -- empty batch objects --------------------------------------------------------- */

static struct weir__batch *remote_spare_take(struct weir__center *center)
{
    struct weir__batch *batch = NULL;
    for (unsigned i = 0; i < WEIR__REMOTE_SPARES && !batch; i++)
        if (__atomic_load_n(&center->remote_spares[i], __ATOMIC_RELAXED))
            batch = __atomic_exchange_n(&center->remote_spares[i], NULL, __ATOMIC_ACQUIRE);
    return batch;
}

/* Only who holds the lock puts one: a place seen free stays so. */
static bool remote_spare_put_locked(struct weir__center *center, struct weir__batch *batch)
{
    for (unsigned i = 0; i < WEIR__REMOTE_SPARES; i++)
        if (!__atomic_load_n(&center->remote_spares[i], __ATOMIC_RELAXED)) {
            __atomic_store_n(&center->remote_spares[i], batch, __ATOMIC_RELEASE);
            return true;
        }
    return false;
}

/* The batch holds nothing any more. */
static void batch_spare_locked(struct weir__center *center, struct weir__batch *batch)
{
    if (center->nspare < WEIR__SPARES_MOST) {
        batch_link(&center->spare, batch);
        center->nspare++;
    } else if (!remote_spare_put_locked(center, batch)) {
        weir__meta_free(batch, sizeof *batch);
    }
}

static struct weir__batch *spare_take_locked(struct weir__center *center)
{
    struct weir__batch *batch = batch_unlink(&center->spare);
    center->nspare -= batch != NULL;
    return batch;
}

static void spares_free_locked(struct weir__center *center)
{
    struct weir__batch *batch;
    while ((batch = spare_take_locked(center)) || (batch = remote_spare_take(center)))
        weir__meta_free(batch, sizeof *batch);
}

/* -- between batches and slabs ----------------------------------------------------- */

static struct weir__center *slot_home(const struct weir__slot *slot)
{
    return weir__slab_of(slot->block)->center;
}

/* Blocks of this centre's slabs go into them; the rest, if any, travel on in the same
 * batch to where the first of them belongs. */
static void batch_release_locked(struct weir__center *center, struct weir__batch *batch)
{
    size_t strangers = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (slot_home(&batch->slots[i]) == center)
            block_put_locked(center, &batch->slots[i]);
        else
            batch->slots[strangers++] = batch->slots[i];
    batch->count = strangers;
    if (strangers)
        returns_push(slot_home(&batch->slots[0]), batch);
    else
        batch_spare_locked(center, batch);
}

/* Puts batches beyond the class's share back into their slabs. */
static void batches_shrink_locked(struct weir__center *center, unsigned most)
{
    while (center->nbatches > most) {
        batch_release_locked(center, batch_unlink(&center->batches));
        center->nbatches--;
    }
}

unsigned weir__center_take(struct weir__center *center, struct weir__slot *slots)
{
    weir__lock_take(&center->lock);
    returns_take_locked(center);
    struct weir__batch *batch = batch_unlink(&center->batches);
    unsigned count;
    if (batch) {
        center->nbatches--;
        count = (unsigned)batch->count;
        memcpy(slots, batch->slots, count * sizeof *slots);
        batch_spare_locked(center, batch);
        batches_shrink_locked(center, center->most_batches);
    } else {
        count = slabs_take_locked(center, slots, center->batch);
    }
    weir__lock_drop(&center->lock);
    weir__store_relieve(center->store);
    return count;
}

static struct weir__batch *batch_make_locked(struct weir__center *center,
                                             const struct weir__slot *slots, unsigned count)
{
    struct weir__batch *batch = spare_take_locked(center);
    if (!batch)
        batch = weir__meta_allocate(sizeof *batch);
    if (batch)
        batch_fill(batch, slots, count);
    return batch;
}

/* The lock is taken by someone: leave the batch on the returns list. */
static bool give_remote(struct weir__center *center, const struct weir__slot *slots, unsigned count)
{
    struct weir__batch *batch = remote_spare_take(center);
    if (!batch)
        batch = weir__meta_allocate(sizeof *batch);
    if (!batch)
        return false;
    batch_fill(batch, slots, count);
    returns_push(center, batch);
    return true;
}

/* To their slabs one by one, each under the lock of its own centre. */
static void give_singly(const struct weir__slot *slots, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct weir__center *home = slot_home(&slots[i]);
        weir__lock_take(&home->lock);
        block_put_locked(home, &slots[i]);
        weir__lock_drop(&home->lock);
    }
}

/* A quarter of its slabs' blocks is out at most. */
static bool center_is_loose_locked(const struct weir__center *center)
{
    size_t bytes = center->nslabs * WEIR__SLAB;
    return weir__unlikely(bytes > weir__policy.loose_bytes) &&
           center->nout * weir__class_bytes[center->class] < bytes / 4;
}

bool weir__center_give(const struct weir__slot *slots, unsigned count)
{
    struct weir__center *center = slot_home(&slots[0]);
    if (!weir__lock_try(&center->lock)) {
        if (give_remote(center, slots, count))
            return false;
        weir__lock_take(&center->lock);
    }
    returns_take_locked(center);
    struct weir__batch *batch = batch_make_locked(center, slots, count);
    if (batch && count == center->batch) {
        batch_link(&center->batches, batch);
        center->nbatches++;
    } else if (batch) {
        batch_release_locked(center, batch);
    }
    bool loose = center_is_loose_locked(center);
    batches_shrink_locked(center, loose ? 0 : center->most_batches);
    weir__lock_drop(&center->lock);
    if (!batch)
        give_singly(slots, count);
    weir__store_relieve(center->store);
    return loose;
}

size_t weir__center_flush(struct weir__center *center)
{
    size_t moved = 0;
    weir__lock_take(&center->lock);
    returns_take_locked(center);
    for (struct weir__batch *batch = center->batches; batch; batch = batch->next)
        moved += batch->count;
    batches_shrink_locked(center, 0);
    spares_free_locked(center);
    weir__lock_drop(&center->lock);
    weir__store_relieve(center->store);
    return moved;
}

void weir__center_figures(struct weir__center *center, struct weir__center_figures *figures)
{
    struct weir__center_figures f = {0};
    size_t size = weir__class_bytes[center->class];
    weir__lock_take(&center->lock);
    returns_take_locked(center);
    for (struct weir__batch *batch = center->batches; batch; batch = batch->next)
        f.batched += batch->count;
    f.out = center->nout;
    f.slabs = center->nslabs;
    for (struct weir__slab *slab = center->partial; slab; slab = slab->next)
        f.returned += weir__slab_used(slab) - slab->nout;
    f.words = size < WEIR__INLINE_MIN ? f.slabs * weir__slab_words(size) : 0;
    weir__lock_drop(&center->lock);
    *figures = f;
}

static void slabs_give_all(struct weir__center *center, struct weir__slab *list)
{
    for (struct weir__slab *slab = list, *next; slab; slab = next) {
        next = slab->next;
        weir__store_give_slab(center->store, slab);
    }
}

void weir__center_destroy(struct weir__center *center)
{
    returns_take_locked(center);
    struct weir__batch *batch;
    while ((batch = batch_unlink(&center->batches)))
        weir__meta_free(batch, sizeof *batch);
    spares_free_locked(center);
    slabs_give_all(center, center->partial);
    slabs_give_all(center, center->full);
    center->partial = center->full = NULL;
    center->nslabs = center->nout = center->nbatches = 0;
}

/* -- walking and checking --------------------------------------------------------- */

static int slab_each_live(struct weir__slab *slab, weir__word_visitor *visit, void *user)
{
    for (unsigned index = 0; index < slab->fresh; index++) {
        uint32_t *word = &slab->words[index];
        if (!weir__word_is_live(weir__word_get(word)))
            continue;
        int stop = visit(weir__slab_block(slab, index), word, slab, user);
        if (stop)
            return stop;
    }
    return 0;
}

int weir__center_each_live(struct weir__center *center, weir__word_visitor *visit, void *user)
{
    int stop = 0;
    weir__lock_take(&center->lock);
    for (struct weir__slab *slab = center->partial; slab && !stop; slab = slab->next)
        stop = slab_each_live(slab, visit, user);
    for (struct weir__slab *slab = center->full; slab && !stop; slab = slab->next)
        stop = slab_each_live(slab, visit, user);
    weir__lock_drop(&center->lock);
    return stop;
}

static bool slabs_are_valid(const struct weir__center *center, const struct weir__slab *list,
                            bool full, size_t *nout, size_t *nslabs)
{
    for (const struct weir__slab *slab = list; slab; slab = slab->next) {
        if (weir__slab_has_free(slab) == full || slab->owner != center->owner ||
            weir__slab_class(slab) != center->class || slab->fresh > slab->end)
            return false;
        *nout += slab->nout;
        ++*nslabs;
    }
    return true;
}

static size_t batches_count(const struct weir__batch *list)
{
    size_t count = 0;
    for (; list; list = list->next)
        count++;
    return count;
}

bool weir__center_is_valid(struct weir__center *center)
{
    size_t nout = 0, nslabs = 0;
    weir__lock_take(&center->lock);
    bool valid =
        slabs_are_valid(center, center->partial, false, &nout, &nslabs) &&
        slabs_are_valid(center, center->full, true, &nout, &nslabs) && nout == center->nout &&
        nslabs == center->nslabs && batches_count(center->batches) == center->nbatches &&
        batches_count(center->spare) == center->nspare && center->nspare <= WEIR__SPARES_MOST;
    weir__lock_drop(&center->lock);
    return valid;
}
