/*
 * tests/device/sim.h - a device that exists only to catch mistakes: host memory, streams
 * whose work is truly deferred, and a check of every argument. The tests' device table and
 * the fake libcuda.so.1 stand on it, each with a copy of its own.
 *
 * Work given to a stream is done when somebody waits for it or asks for an event, and not
 * at all while the stream is held; so a block that is re-used too early shows wrong
 * contents, and memory taken away under pending work is a violation.
 *
 * Functions return 0 or an errno value; every one of them counts as a call and can be made
 * to fail. Any thread.
 */
#ifndef TESTS_DEVICE_SIM_H
#define TESTS_DEVICE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_GRANULE  ((size_t)2 << 20)
#define SIM_CAPACITY ((size_t)24 << 30) /* unless changed */

/* -- for the test ------------------------------------------------------------------------- */

void sim_set_capacity(size_t bytes);
size_t sim_used(void);
unsigned long sim_calls(void);

/* The n-th call from now fails (0: the next), once; n < 0: none. */
void sim_fail_after(long n);
bool sim_has_failed(void); /* since the last sim_fail_after */

/* The stream makes no progress until released, unless somebody waits for it. */
void sim_hold(void *stream);
void sim_release(void *stream);
unsigned long sim_waits(void); /* times that somebody waited for a held stream */

/* Bad arguments so far, and the first of them in words. */
unsigned sim_violations(const char **first);
void sim_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Regions, reservations, mappings, handles, streams and events that are still there. */
unsigned sim_leftovers(void);

/* -- the device --------------------------------------------------------------------------- */

int sim_step(const char *call, int code); /* counts; code when this one must fail */

int sim_allocate(size_t size, void **address);
int sim_free(void *address, size_t size, bool any_size); /* waits for nothing */
int sim_free_on(void *address, void *stream);            /* when the stream gets there */
void sim_memory_info(size_t *free_bytes, size_t *total);

int sim_reserve(size_t size, size_t alignment, void **address);
int sim_unreserve(void *address, size_t size);
int sim_back(void *address, size_t size);   /* memory behind reserved granules, not usable yet */
int sim_access(void *address, size_t size); /* now usable */
int sim_unback(void *address, size_t size);

int sim_set(void *to, int byte, size_t size, void *stream);
int sim_fill32(void *to, uint32_t value, size_t count, void *stream);
int sim_copy(void *to, bool to_host, const void *from, bool from_host, size_t size, void *stream);

int sim_stream_create(void **stream);
int sim_stream_destroy(void *stream);
int sim_stream_synchronize(void *stream);
int sim_stream_wait(void *stream, void *event);
int sim_event_create(void **event);
int sim_event_destroy(void *event);
int sim_event_record(void *event, void *stream);
int sim_event_query(void *event); /* EAGAIN */
int sim_event_synchronize(void *event);

#endif
