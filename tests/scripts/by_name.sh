#!/bin/sh
# The installed libweir.so is a library, not a linker's script: it is loaded by its name from C, from
# Python's ctypes and from LuaJIT, and mmap serves it there.
set -u
. "$top_srcdir/tests/helpers/installed.sh"
[ -e "$lib/libweir.so.0" ] || skip_all "no shared library was built"
cd "$scratch" || exit 99
export LD_LIBRARY_PATH="$lib"

[ "$(head -c 4 "$lib/libweir.so" | tail -c 3)" = ELF ]
tell $? "libweir.so is an ELF file"

$CC -Wall -o opener "$top_srcdir/tests/outside/opener.c" -ldl -lpthread >log 2>&1 &&
    ./opener libweir.so >log 2>&1
tell $? "C: dlopen(\"libweir.so\")"
./opener --thread libweir.so >log 2>&1
tell $? "C: closed before a thread that used it ends"

if command -v python3 >/dev/null; then
    python3 - >log 2>&1 <<'END'
import ctypes

weir = ctypes.CDLL("libweir.so")
weir.weir_cpu_allocator.restype = weir.weir_allocate.restype = ctypes.c_void_p
weir.weir_total_allocated.restype = ctypes.c_size_t
cpu = ctypes.c_void_p(weir.weir_cpu_allocator())
block = ctypes.c_void_p(weir.weir_allocate(cpu, ctypes.c_size_t(1000)))
assert block.value % 64 == 0 and weir.weir_total_allocated(cpu) == 1000
weir.weir_deallocate(cpu, block)
assert weir.weir_total_allocated(cpu) == 0
assert "jemalloc" not in open("/proc/self/maps").read()
END
    tell $? "Python: ctypes.CDLL(\"libweir.so\")"
fi

if command -v luajit >/dev/null; then
    cat >by_name.lua <<'END'
local ffi = require("ffi")
ffi.cdef[[
void *weir_cpu_allocator(void);
void *weir_allocate(void *a, size_t size);
void weir_deallocate(void *a, void *block);
size_t weir_total_allocated(const void *a);
]]
local weir = ffi.load("weir") -- libweir.so
local cpu = weir.weir_cpu_allocator()
local block = weir.weir_allocate(cpu, 1000)
assert(block ~= nil and weir.weir_total_allocated(cpu) == 1000)
weir.weir_deallocate(cpu, block)
assert(weir.weir_total_allocated(cpu) == 0)
END
    luajit by_name.lua >log 2>&1
    tell $? "LuaJIT: ffi.load(\"weir\")"
else
    skipped "LuaJIT" "not here"
fi

finish
