#!/bin/sh
# `weir stats` and `weir device` show devices beside the CPU: on the fake driver.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
folder=$top_builddir/tests/device/fakecuda/.libs
weir=$top_builddir/weir
[ -e "$folder/libcuda.so.1" ] || skip_all "no shared libraries, so no fake driver"
need_no_sanitizer "not under a sanitizer"

# expect PATTERN: among what was printed.
expect()
{
    printf '%s\n' "$out" | grep -q -- "$1" || {
        complain "not printed: $1"
        printf '%s\n' "$out"
    }
}

LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
try "weir stats"
out=$("$weir" stats) || complain "status $?"
expect 'cuda:0  Fake device 0, 24576 MiB'
expect '^cpu '
expect '^cuda:1 .* cuda:1$'
try "weir stats --json"
out=$("$weir" stats --json) || complain "status $?"
expect '"beside":\[{"name":"cuda:0"'
expect '"device":"cuda:1"'
if command -v python3 >/dev/null; then
    printf '%s' "$out" | python3 -c 'import json, sys; json.load(sys.stdin)' || complain "no JSON"
fi
try "weir stats --openmetrics"
out=$("$weir" stats --openmetrics) || complain "status $?"
expect 'weir_peak_allocated_bytes{path="cuda:0",backing="cuda:0"} 0'
try "weir device"
out=$("$weir" device) || complain "status $?"
expect 'cuda:1: Fake device 1'
expect 'stream-ordered calls yes'
try "weir device bench"
out=$("$weir" device bench --device cuda:0 --pairs 50 \
    "$top_srcdir"/bench/traces/ort-silero-vad-mempattern.trace.gz) || complain "status $?"
expect '^  ort-silero-vad-mempattern  *1.25  *2.00'

try "bad command lines"
FAKECUDA_DEVICES=0 "$weir" device bench --device cuda:0 2>/dev/null && complain "accepted"
"$weir" device bench --device granite 2>/dev/null && complain "accepted"
"$weir" device bench --pairs none 2>/dev/null && complain "accepted"
"$weir" device gone 2>/dev/null && complain "accepted"
"$weir" device bench --device cuda:x 2>/dev/null && complain "accepted" # not cuda:0
"$weir" device bench -h | grep -q -- --passes || complain "no help"
finish
