/* alloc/background.h - the background thread around fork. */
#ifndef WEIR_ALLOC_BACKGROUND_H
#define WEIR_ALLOC_BACKGROUND_H

/* In a forked child, every lock held: the thread is not there. */
void weir__background_forked(void);

#endif
