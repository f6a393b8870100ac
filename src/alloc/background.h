/*
 * alloc/background.h - the background thread (weir/background.h), around fork. Owns the thread,
 * which calls nothing of the program's but the trim functions of its allocators.
 */
#ifndef WEIR_ALLOC_BACKGROUND_H
#define WEIR_ALLOC_BACKGROUND_H

/* In a forked child, every lock held: the thread is not there. */
void weir__background_forked(void);

#endif
