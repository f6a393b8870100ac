# src/unwind: call stacks of the calling thread, and a trie that names them.

weir_core_sources += src/unwind/bytes.c src/unwind/bytes.h src/unwind/cfi.c src/unwind/cfi.h src/unwind/fde.c src/unwind/fde.h src/unwind/known.c src/unwind/known.h src/unwind/module.c src/unwind/module.h \
	src/unwind/own.c src/unwind/own.h src/unwind/registers.h src/unwind/rule.c src/unwind/rule.h src/unwind/trie.c src/unwind/trie.h \
	src/unwind/unwind.c src/unwind/unwind.h
