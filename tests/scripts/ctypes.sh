#!/bin/sh
# Python loads the library late, by ctypes, and uses it.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
command -v python3 >/dev/null || skip_all "no python3 here"
need_no_sanitizer "python3 is not built with the sanitizer"
need_shared

try "Python loads the library late"
python3 - "$top_builddir/.libs/libweir.so.0" <<'END' || complain "status $?"
import ctypes
import sys
import threading

weir = ctypes.CDLL(sys.argv[1])
for name in "weir_cpu_allocator", "weir_allocate":
    getattr(weir, name).restype = ctypes.c_void_p
for name in "weir_total_allocated", "weir_peak_allocated", "weir_allocation_count":
    getattr(weir, name).restype = ctypes.c_size_t
cpu = ctypes.c_void_p(weir.weir_cpu_allocator())

assert weir.weir_total_allocated(cpu) == 0


def work():
    blocks = [weir.weir_allocate(cpu, ctypes.c_size_t(size)) for size in range(0, 100000, 997)]
    for i, block in enumerate(blocks):
        assert block and block % 64 == 0
        ctypes.memset(block, 7, min(i, 1))  # nothing of a block of 0 bytes
        weir.weir_deallocate(cpu, ctypes.c_void_p(block))


threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
work()
for thread in threads:
    thread.join()

block = ctypes.c_void_p(weir.weir_allocate(cpu, ctypes.c_size_t(1 << 30)))
assert weir.weir_total_allocated(cpu) == 1 << 30
weir.weir_deallocate(cpu, block)
assert weir.weir_total_allocated(cpu) == 0
assert weir.weir_allocation_count(cpu) == 0
assert weir.weir_peak_allocated(cpu) == 1 << 30
assert "jemalloc" not in open("/proc/self/maps").read()
END
finish
