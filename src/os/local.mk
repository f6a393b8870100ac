# src/os: what weir asks of the kernel and the C library, each with its contract.

weir_core_sources += src/os/cgroup.c src/os/cgroup.h src/os/clock.c src/os/clock.h src/os/early.c src/os/early.h src/os/fence.c src/os/file_map.c src/os/file_map.h src/os/fence.h src/os/lines.c src/os/lines.h src/os/placement.c src/os/placement.h src/os/residence.c src/os/residence.h src/os/segv.c src/os/segv.h src/os/stack.c src/os/stack.h src/os/lock.c \
	src/os/lock.h src/os/locks.c src/os/locks.h src/os/memory_tool.c src/os/memory_tool.h src/os/pages.c \
	src/os/pages.h src/os/pressure.c src/os/pressure.h src/os/random.c src/os/random.h src/os/thread.c src/os/thread.h \
	src/os/wait.c src/os/wait.h
