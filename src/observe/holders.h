/*
 * observe/holders.h - who holds the memory, by tag: what the public calls (weir/stats.h) do not
 * say. Owns no state. Any thread; takes what weir_allocator_walk takes.
 */
#ifndef WEIR_OBSERVE_HOLDERS_H
#define WEIR_OBSERVE_HOLDERS_H

#include <weir/stats.h>

/* weir_allocator_walk_tags over every allocator that there is: the CPU's, devices', those without
 * a parent. */
int weir__holders_of_all(weir_tag_stats_visitor *visit, void *user);

#endif
