/*
 * base/list.h - the doubly linked list of this tree: the linked objects hold their own link,
 * the list is one word, and zeroed memory is an empty list. Has no lock: the thread that owns
 * the list says which. Links are written atomically: some lie where others look without the lock
 * for what was there before (pool/region.h).
 *
 *   list.first -> a <-> b <-> c -> NULL        a.prev is c: the last is one load away
 *
 * After Hanson's utlist: head->prev is the tail, tail->next is NULL.
 */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include "base/atomic.h"
#include "base/bits.h"

struct weir__link {
    struct weir__link *next, *prev;
};

struct weir__list {
    struct weir__link *first; /* NULL: empty */
};

/* The object that holds `link` as its member of this name; NULL for NULL. */
#define weir__list_of(link, type, member)                                                          \
    ((type *)weir__list_object((link), offsetof(type, member)))

WEIR__INLINE void *weir__list_object(const struct weir__link *link, size_t offset)
{
    return link ? (char *)(uintptr_t)link - offset : NULL;
}

WEIR__INLINE struct weir__link *weir__list_last(const struct weir__list *list)
{
    return list->first ? list->first->prev : NULL;
}

/* At the front. */
WEIR__INLINE void weir__list_push(struct weir__list *list, struct weir__link *link)
{
    weir__assert(link && link != list->first);
    struct weir__link *first = list->first;
    weir__relaxed_set(link->next, first);
    weir__relaxed_set(link->prev, first ? first->prev : link);
    if (first)
        weir__relaxed_set(first->prev, link);
    list->first = link;
}

/* At the end. */
WEIR__INLINE void weir__list_append(struct weir__list *list, struct weir__link *link)
{
    weir__assert(link && link != list->first);
    struct weir__link *first = list->first;
    weir__relaxed_set(link->next, NULL);
    if (!first) {
        weir__relaxed_set(link->prev, link);
        list->first = link;
        return;
    }
    weir__relaxed_set(link->prev, first->prev);
    weir__relaxed_set(first->prev->next, link);
    weir__relaxed_set(first->prev, link);
}

/* `link` is in `list`. It keeps its own next, so that a walk may go on from it. */
WEIR__INLINE void weir__list_remove(struct weir__list *list, struct weir__link *link)
{
    weir__assert(list->first && (list->first == link || link->prev->next == link));
    weir__assert(link->next ? link->next->prev == link : list->first->prev == link);
    struct weir__link *next = link->next, *prev = link->prev;
    if (list->first == link)
        list->first = next;
    else
        weir__relaxed_set(prev->next, next);
    if (next)
        weir__relaxed_set(next->prev, prev);
    else if (list->first)
        weir__relaxed_set(list->first->prev, prev);
}

/* Do the links agree in both directions? */
WEIR__INLINE bool weir__list_is_valid(const struct weir__list *list)
{
    const struct weir__link *before = NULL;
    for (const struct weir__link *link = list->first; link; before = link, link = link->next)
        if (before && link->prev != before)
            return false;
    return !before || list->first->prev == before;
}

/* `instead` takes the place of `link`. */
WEIR__INLINE void weir__list_replace(struct weir__list *list, const struct weir__link *link,
                                     struct weir__link *instead)
{
    weir__assert(list->first && link != instead);
    weir__assert(list->first == link || link->prev->next == link);
    struct weir__link *next = link->next, *prev = link->prev;
    weir__relaxed_set(instead->next, next);
    weir__relaxed_set(instead->prev, prev == link ? instead : prev);
    if (list->first == link)
        list->first = instead;
    else
        weir__relaxed_set(prev->next, instead);
    if (next)
        weir__relaxed_set(next->prev, instead);
    else
        weir__relaxed_set(list->first->prev, instead);
}

#endif
