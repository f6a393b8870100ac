/*
 * observe/trace_names.h - numbers for what a recording speaks of by number: contexts,
 * tags, names of marks. Each is defined in the file when it is first asked for. One lock
 * (rank: just outside the file lock); a known tag takes none.
 */
#ifndef WEIR_OBSERVE_TRACE_NAMES_H
#define WEIR_OBSERVE_TRACE_NAMES_H

#include <weir/allocator.h>

/* Forgets everything: a new recording. */
void weir__trace_names_reset(void);

/* In a forked child: another thread may have been in here. What it held is left to lie. */
void weir__trace_names_forget(void);

/* > 0; 0 where there is no memory to remember it. The allocator is alive. */
uint32_t weir__trace_context(weir_allocator *a);

/* The number of an allocator that may be gone, or 0. */
uint32_t weir__trace_context_known(const weir_allocator *a);

/* It is destroyed: its handle may mean another one later. */
void weir__trace_context_gone(const weir_allocator *a);

/* Changes whenever a context is gone: what was remembered by handle is void. Atomic. */
extern uint32_t weir__trace_gone;

/* The tag itself, after it was defined. */
weir_tag weir__trace_tag(weir_tag tag);

/* Its class changed: tells it where the tag was defined. */
void weir__trace_tag_classed(weir_tag tag);

/* > 0; 0: no memory. */
uint32_t weir__trace_name(const char *text);

#endif
