/*
 * os/memory_tool.h - what watches memory in this process: AddressSanitizer, LeakSanitizer or
 * valgrind's memcheck. Each of them knows the blocks of malloc; what it is told here is about
 * parts of those. Knows nothing of who owns them. Any thread, no lock.
 */
#ifndef WEIR_OS_MEMORY_TOOL_H
#define WEIR_OS_MEMORY_TOOL_H

#include <stdbool.h>
#include <stddef.h>

/* Is one of them here? The same answer for the whole process. */
bool weir__os_memory_tool(void);

/* Does it look for pointers to blocks only in what it knows: blocks, stacks, static memory?
 * Memcheck looks everywhere, but a pointer into the middle of a block is not enough for it. */
bool weir__os_memory_tool_is_strict(void);

/* From now on a use of these bytes is reported. Nothing happens without a tool, or where it
 * watches whole blocks only. */
void weir__os_memory_forbid(const void *start, size_t size);

/* They may be used again. Their contents count as not yet written. */
void weir__os_memory_permit(const void *start, size_t size);

/* Would the tool end the process if its malloc were asked for so much? */
bool weir__os_memory_is_excessive(size_t size, size_t alignment);

/* Has the tool say on standard error what it knows of an address; most say nothing. */
void weir__os_memory_describe(const void *address);

#endif
