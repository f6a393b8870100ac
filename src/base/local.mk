# src/base: what everything stands on; knows nothing of memory management.

weir_core_sources += src/base/assert.h src/base/atomic.h src/base/bits.h src/base/coverage.h src/base/draw.h src/base/error.c src/base/error.h src/base/fault.c \
	src/base/fault.h src/base/handle.c src/base/handle.h src/base/list.h src/base/message.c src/base/message.h src/base/pointer_map.c src/base/pointer_map.h \
	src/base/sized.c src/base/sized.h src/base/version.c

# What a file is to one who runs it; for libweir-malloc.so and `weir run`, not for libweir.
program_file_sources = src/base/elf_file.c src/base/elf_file.h src/base/program_file.c \
	src/base/program_file.h
