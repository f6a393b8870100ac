#!/bin/sh
# `weir trace` and `weir stats` from outside: a recorded program against weir's reader and
# against an independent one (tests/scripts/trace_reader.py); damaged, cut and missing files.
set -u
weir="${WEIR_RUNNER-} $top_builddir/weir" # meant to be split into words
record="${WEIR_RUNNER-} $top_builddir/tests/loads/record_program"
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0

fail()
{
    echo "trace.sh: $*" >&2
    failed=1
}

# What the file has is shown, status 1; the text goes to $dir/out, the JSON to $dir/out.json.
# $2: events that are good. Nothing of it may claim to be whole.
shown()
{
    $weir trace "$1" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status -eq 1 ] || fail "weir trace $1: status $status, not 1"
    [ ! -s "$dir/err" ] || fail "weir trace $1: $(cat "$dir/err")"
    grep -q "^peak: " "$dir/out" || fail "$1: no peak"
    grep -q "equal to the footer\|complete$" "$dir/out" && fail "$1: $(head -n 4 "$dir/out")"
    for way in --json --events "--text -"; do
        $weir trace $way "$1" >"$dir/out.${way#--}" 2>"$dir/err"
        status=$?
        [ $status -eq 1 ] || fail "weir trace $way $1: status $status, not 1"
        grep -q "^weir trace: $1: damaged: " "$dir/err" || fail "$way: $(cat "$dir/err")"
    done
    grep -q '"complete":false,"verified":false' "$dir/out.json" || fail "$1: $(cat "$dir/out.json")"
    [ "$(wc -l <"$dir/out.events")" -eq "$2" ] || fail "$1: $2 events are good"
}

# One line on standard error, status 1.
refused()
{
    $weir trace "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status -eq 1 ] || fail "weir trace $*: status $status, not 1"
    [ "$(wc -l <"$dir/err")" -eq 1 ] || fail "weir trace $*: $(cat "$dir/err")"
}

peak=$($record "$dir/a.trace") || { fail "recording"; exit 1; }
$weir trace "$dir/a.trace" >"$dir/text" || fail "weir trace"
tr -d , <"$dir/text" | grep -q "^peak: .*[ (]$peak bytes.* equal to the footer's" ||
    fail "the peak is not $peak: $(grep ^peak "$dir/text")"
grep -q "^$dir/a.trace: process [0-9]*: .*record_program $dir/a.trace$" "$dir/text" ||
    fail "whose recording it is: $(head -n 1 "$dir/text")"
grep -q 'layer[1-4]/"w"' "$dir/text" || fail "no tag in the summary"
$weir trace --events "$dir/a.trace" >"$dir/events" || fail "weir trace --events"
grep -q ' begin operator conv$' "$dir/events" || fail "no mark among the events"
grep -q ' failed .* in limited' "$dir/events" || fail "no refused request among the events"
grep -q ' destroy 10 bytes 1 blocks in limited' "$dir/events" || fail "no destroyed context"
$weir trace --json --top 3 "$dir/a.trace" >"$dir/json" || fail "weir trace --json"

# As text: its own header and events agree.
$weir trace --text "$dir/a.txt" "$dir/a.trace" || fail "weir trace --text"
awk -v peak="$peak" '
    NR == 1 { for (i = 1; i <= NF; i++) { split($i, w, "="); said[w[1]] = w[2] }; next }
    { n++ }
    $1 == "a" { total += $3; size[$2] = $3; if ($2 != ++last) bad = 1 }
    $1 == "r" { total += $3 - size[$2]; size[$2] = $3 }
    $1 == "f" { total -= size[$2]; delete size[$2] }
    total > most { most = total }
    END { exit bad || total != 0 || n != said["events"] || most != said["peak_live"] || most != peak }
' "$dir/a.txt" || fail "the text does not add up"

# Cut and damaged files. A byte in the middle, and another, each in a record of its own.
size=$(wc -c <"$dir/a.trace")
events=$(wc -l <"$dir/events")
head -c $((size / 2)) "$dir/a.trace" >"$dir/cut.trace"
$weir trace "$dir/cut.trace" >"$dir/text" || fail "a cut file"
grep -q "^  cut short: no footer; at least [0-9,]* of [0-9,]* events are missing" "$dir/text" ||
    grep -q "^  cut short: no footer; what came after event [0-9,]* is missing" "$dir/text" ||
    fail "a cut file: $(cat "$dir/text")"
$weir trace --events "$dir/cut.trace" 2>"$dir/err" | cut -d ' ' -f 1 >"$dir/numbers"
grep -q "cut short" "$dir/err" || fail "events of a cut file: $(cat "$dir/err")"
sort -n -u "$dir/numbers" | cmp -s - "$dir/numbers" || fail "events of a cut file out of order"
cp "$dir/a.trace" "$dir/bad.trace"
printf '\377\377\377' | dd of="$dir/bad.trace" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
$weir trace --events "$dir/bad.trace" >"$dir/some" 2>/dev/null
[ "$(wc -l <"$dir/some")" -lt "$events" ] || fail "no event is lost"
shown "$dir/bad.trace" "$(wc -l <"$dir/some")"
grep -q "^  damaged: [0-9,]* bytes in 1 place, the first at byte [0-9]*: wrong CRC$" "$dir/out" ||
    fail "a damaged file: $(cat "$dir/out")"
printf '\377\377\377' | dd of="$dir/bad.trace" bs=1 seek=$((size / 5)) conv=notrunc 2>/dev/null
$weir trace --events "$dir/bad.trace" >"$dir/some" 2>/dev/null
shown "$dir/bad.trace" "$(wc -l <"$dir/some")"
lost=$((events - $(wc -l <"$dir/some")))
grep -q "^  damaged: .* in 2 places, " "$dir/out" || fail "two places: $(cat "$dir/out")"
tr -d , <"$dir/out" | grep -q "^  incomplete: $lost of $events events are missing$" ||
    fail "$lost of $events are missing: $(cat "$dir/out")"
grep -q "\"events_expected\":$events,\"events_missing\":$lost," "$dir/out.json" ||
    fail "$lost of $events are missing: $(cat "$dir/out.json")"
cat "$dir/a.trace" "$dir/a.trace" >"$dir/two.trace"
shown "$dir/two.trace" "$events"
refused "$dir/none.trace"
refused "$dir"
: >"$dir/empty.trace"
refused "$dir/empty.trace"
refused "$0"
refused --text "$dir/no/such" "$dir/a.trace"
$weir trace >/dev/null 2>&1
[ $? -eq 2 ] || fail "weir trace without a file"
if [ -w /dev/full ]; then
    $weir trace "$dir/a.trace" >/dev/full 2>/dev/null && fail "a full disk under weir trace"
fi

# Killed in the middle.
: >"$dir/killed.trace"
$record "$dir/killed.trace" forever &
pid=$!
tries=0
while [ "$(wc -c 2>/dev/null <"$dir/killed.trace" || echo 0)" -lt 400000 ] && [ $tries -lt 200 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -9 $pid
wait $pid 2>/dev/null
$weir trace --json "$dir/killed.trace" | grep -q '"complete":false,.*"footer":false' || fail "killed"
$weir trace "$dir/killed.trace" >"$dir/text" || fail "the trace of a killed program"
grep -q "no footer" "$dir/text" || fail "a killed program has a footer"

# Children of weir run, made by fork: what they inherited is in no list.
if $weir run -o /dev/null -- true >/dev/null 2>&1; then
    $weir run -o /dev/null --record "$dir/f.trace" -- \
        sh -c 'x=$(echo 1; (echo 2)); (unset x; y=3; echo $y); true' >/dev/null || fail "weir run --record"
    $weir trace "$dir/f.trace" | grep ' \(tag\|context\)$' && fail "a table of one row"
    forked=0
    for file in "$dir"/f.trace*; do
        $weir trace "$file" >"$dir/text" 2>&1 || fail "weir trace $file: $(cat "$dir/text")"
        grep -q "^peak: .* equal to the footer's$" "$dir/text" || fail "$file: $(cat "$dir/text")"
        head -n 1 "$dir/text" | grep -q ': process [0-9]*, made by fork: sh -c ' && forked=$((forked + 1))
        $weir trace --json "$file" >"$dir/f.json"
        grep -q '"complete":true,"verified":true,.*"events_missing":0,' "$dir/f.json" ||
            fail "$file: $(cat "$dir/f.json")"
        $weir trace --text "$dir/f.txt" "$file" || fail "weir trace --text $file"
        python3 -c 'import json, zlib' 2>/dev/null || continue
        python3 "$top_srcdir/tests/scripts/trace_reader.py" "$file" >/dev/null || fail "the independent reader"
        python3 - "$dir/f.json" <<'END' || fail "$file: blocks are missing in the tables"
import json, sys
trace = json.load(open(sys.argv[1]))
for at in (trace["peak"], trace["end"]):
    for key in ("by_tag", "by_context", "by_size"):
        for what in ("bytes", "blocks"):
            there = sum(g[what] for g in at[key]) + at[key + "_rest"][what] + at["unlisted"][what]
            assert there == at[what], (key, what, there, at[what])
END
    done
    [ $forked -ge 2 ] || fail "$forked recordings of forked children"
fi

# weir stats.
$weir stats --demo >"$dir/text" || fail "weir stats"
grep -q "^  model " "$dir/text" || fail "weir stats --demo shows no context"
$weir stats --demo --json >"$dir/stats.json" || fail "weir stats --json"
$weir stats --demo --openmetrics >"$dir/metrics" || fail "weir stats --openmetrics"
[ "$(tail -n 1 "$dir/metrics")" = "# EOF" ] || fail "OpenMetrics without its end"

if python3 -c 'import json, zlib' 2>/dev/null; then
    reader=$top_srcdir/tests/scripts/trace_reader.py
    python3 "$reader" "$dir/a.trace" >"$dir/py" || fail "the independent reader"
    python3 "$reader" "$dir/killed.trace" >/dev/null || fail "the independent reader, killed"
    python3 "$reader" "$dir/bad.trace" >/dev/null 2>&1 && fail "the independent reader accepts damage"
    python3 - "$dir/py" "$dir/json" "$dir/stats.json" "$peak" <<'END' || fail "the readers differ"
import json, sys
ours, weirs, stats = (json.load(open(name)) for name in sys.argv[1:4])
assert ours["peak"] == weirs["peak"]["bytes"] == int(sys.argv[4])
assert ours["peak_number"] == weirs["peak"]["event"]
for key in ("events", "allocations", "frees", "failed", "marks", "threads"):
    assert ours[key] == weirs[key], key
assert ours["total"] == weirs["end"]["bytes"] and ours["count"] == weirs["end"]["blocks"]
assert ours["contexts"] == ["cpu", "limited"], ours["contexts"]
assert ours["names"] == ["conv", "relu"] and len(ours["tags"]) == 4
assert weirs["verified"] and sum(g["bytes"] for g in weirs["peak"]["by_tag"]) + \
    weirs["peak"]["by_tag_rest"]["bytes"] == ours["peak"]
assert stats["allocators"]["children"][0]["name"] == "model"
assert len(stats["classes_16"]) > 40
END
fi
for python in python3 /usr/bin/python3; do
    $python -c 'import prometheus_client.openmetrics.parser' 2>/dev/null || continue
    $python - "$dir/metrics" <<'END' || fail "not OpenMetrics"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = {f.name: f for f in text_string_to_metric_families(open(sys.argv[1]).read())}
live = {s.labels["path"]: s.value for s in families["weir_total_allocated_bytes"].samples}
assert live["cpu/model/weights"] == 64 * 3 * 7 * 7 * 4 + 64 * 64 * 3 * 3 * 4 + 512 * 1000 * 4, live
assert families["weir_total_allocated_bytes"].unit == "bytes"
assert families["weir_allocations"].type == "counter"
END
    break
done
exit $failed
