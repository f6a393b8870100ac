# src/base: what everything stands on; knows nothing of memory management.

weir_core_sources += src/base/bits.h src/base/error.c src/base/error.h src/base/fault.c \
	src/base/fault.h src/base/lock.c src/base/lock.h src/base/meta.c src/base/meta.h \
	src/base/os.c src/base/os.h src/base/thread.c src/base/thread.h src/base/trace_hook.c \
	src/base/trace_hook.h src/base/version.c

# What a file is to one who runs it; for libweir-malloc.so and `weir run`, not for libweir.
program_file_sources = src/base/elf_file.c src/base/elf_file.h src/base/program_file.c \
	src/base/program_file.h
