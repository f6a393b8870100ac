#!/bin/sh
# `weir stats` and `weir device` show devices beside the CPU: on the fake driver.
set -u
folder=$top_builddir/tests/device/fakecuda/.libs
weir=$top_builddir/weir
[ -e "$folder/libcuda.so.1" ] || { echo "no shared libraries, so no fake driver"; exit 77; }
[ -z "${SANITIZER_FLAGS:-}" ] || { echo "not under a sanitizer"; exit 77; }
status=0

expect()
{
    printf '%s\n' "$out" | grep -q -- "$1" || {
        echo "not in the output of $2: $1"
        printf '%s\n' "$out"
        status=1
    }
}

LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
out=$("$weir" stats) || status=1
expect 'cuda:0  Fake device 0, 24576 MiB' 'weir stats'
expect '^cpu ' 'weir stats'
expect '^cuda:1 .* cuda:1$' 'weir stats'
out=$("$weir" stats --json) || status=1
expect '"beside":\[{"name":"cuda:0"' 'weir stats --json'
expect '"device":"cuda:1"' 'weir stats --json'
if command -v python3 >/dev/null; then
    printf '%s' "$out" | python3 -c 'import json, sys; json.load(sys.stdin)' || status=1
fi
out=$("$weir" stats --openmetrics) || status=1
expect 'weir_peak_allocated_bytes{path="cuda:0",backing="cuda:0"} 0' 'weir stats --openmetrics'
out=$("$weir" device) || status=1
expect 'cuda:1: Fake device 1' 'weir device'
expect 'stream-ordered calls yes' 'weir device'
out=$("$weir" device bench --device cuda:0 --pairs 50 \
    "$top_srcdir"/bench/traces/ort-silero-vad-mempattern.trace.gz) || status=1
expect '^  ort-silero-vad-mempattern  *1.25  *2.00' 'weir device bench'

FAKECUDA_DEVICES=0 "$weir" device bench --device cuda:0 2>/dev/null && status=1
"$weir" device bench --device granite 2>/dev/null && status=1
"$weir" device bench --pairs none 2>/dev/null && status=1
"$weir" device gone 2>/dev/null && status=1
"$weir" device bench --device cuda:x 2>/dev/null && status=1 # not cuda:0
"$weir" device bench -h | grep -q -- --passes || status=1
exit $status
