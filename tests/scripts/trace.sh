#!/bin/sh
# `weir trace` and `weir stats` from outside: a recorded program against weir's reader and
# against an independent one (tests/scripts/trace_reader.py); damaged, cut and missing files.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
weir="${WEIR_RUNNER-} $top_builddir/weir" # meant to be split into words
record="${WEIR_RUNNER-} $top_builddir/tests/loads/record_program"
dir=$scratch

# What the file has is shown, status 1; the text goes to $dir/out, the JSON to $dir/out.json.
# $2: events that are good. Nothing of it may claim to be whole.
shown()
{
    try "shown as far as it is good: ${1##*/}"
    $weir trace "$1" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status -eq 1 ] || complain "weir trace $1: status $status, not 1"
    [ ! -s "$dir/err" ] || complain "weir trace $1: $(cat "$dir/err")"
    grep -q "^peak: " "$dir/out" || complain "$1: no peak"
    grep -q "equal to the footer\|complete$" "$dir/out" && complain "$1: $(head -n 4 "$dir/out")"
    for way in --json --events "--text -"; do
        $weir trace $way "$1" >"$dir/out.${way#--}" 2>"$dir/err"
        status=$?
        [ $status -eq 1 ] || complain "weir trace $way $1: status $status, not 1"
        grep -q "^weir trace: $1: damaged: " "$dir/err" || complain "$way: $(cat "$dir/err")"
    done
    grep -q '"complete":false,"verified":false' "$dir/out.json" || complain "$1: $(cat "$dir/out.json")"
    [ "$(wc -l <"$dir/out.events")" -eq "$2" ] || complain "$1: $2 events are good"
}

# One line on standard error, status 1.
refused()
{
    try "refused: $*"
    $weir trace "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status -eq 1 ] || complain "weir trace $*: status $status, not 1"
    [ "$(wc -l <"$dir/err")" -eq 1 ] || complain "weir trace $*: $(cat "$dir/err")"
}

try "a recording, shown"
peak=$($record "$dir/a.trace") || { complain "recording"; finish; }
$weir trace "$dir/a.trace" >"$dir/text" || complain "weir trace"
tr -d , <"$dir/text" | grep -q "^peak: .*[ (]$peak bytes.* equal to the footer's" ||
    complain "the peak is not $peak: $(grep ^peak "$dir/text")"
grep -q "^$dir/a.trace: process [0-9]*: .*record_program $dir/a.trace$" "$dir/text" ||
    complain "whose recording it is: $(head -n 1 "$dir/text")"
$weir trace --by tag "$dir/a.trace" | grep -q 'layer[1-4]/"w"' || complain "no tag in the summary"
$weir trace --events "$dir/a.trace" >"$dir/events" || complain "weir trace --events"
grep -q ' begin operator conv$' "$dir/events" || complain "no mark among the events"
grep -q ' failed .* in limited' "$dir/events" || complain "no refused request among the events"
grep -q ' destroy 10 bytes 1 blocks in limited' "$dir/events" || complain "no destroyed context"
$weir trace --json --top 3 "$dir/a.trace" >"$dir/json" || complain "weir trace --json"

try "as text: its own header and events agree"
# As text: its own header and events agree.
$weir trace --text "$dir/a.txt" "$dir/a.trace" || complain "weir trace --text"
awk -v peak="$peak" '
    NR == 1 { for (i = 1; i <= NF; i++) { split($i, w, "="); said[w[1]] = w[2] }; next }
    { n++ }
    $1 == "a" { total += $3; size[$2] = $3; if ($2 != ++last) bad = 1 }
    $1 == "r" { total += $3 - size[$2]; size[$2] = $3 }
    $1 == "f" { total -= size[$2]; delete size[$2] }
    total > most { most = total }
    END { exit bad || total != 0 || n != said["events"] || most != said["peak_live"] || most != peak }
' "$dir/a.txt" || complain "the text does not add up"

try "packed: every event and every figure is as before"
$weir trace --pack "$dir/a.wtz" "$dir/a.trace" || complain "weir trace --pack"
[ "$(wc -c <"$dir/a.wtz")" -lt "$(wc -c <"$dir/a.trace")" ] || complain "it is not smaller"
$weir trace --events "$dir/a.wtz" | cmp - "$dir/events" || complain "other events"
$weir trace --json --top 3 "$dir/a.wtz" >"$dir/packed.json" || complain "weir trace --json"
sed 's/a.wtz/a.trace/; s/"bytes":[0-9]*,//' "$dir/packed.json" >"$dir/packed.figures"
sed 's/"bytes":[0-9]*,//' "$dir/json" | cmp - "$dir/packed.figures" || complain "other figures"
$weir trace --text - "$dir/a.wtz" | tail -n +2 >"$dir/packed.txt"
tail -n +2 "$dir/a.txt" | cmp - "$dir/packed.txt" || complain "other text"
if command -v python3 >/dev/null; then
    python3 "$top_srcdir/tests/scripts/trace_reader.py" "$dir/a.wtz" >"$dir/reader" || complain "the other reader"
    grep -q "\"peak\": $peak," "$dir/reader" || complain "the other reader's peak: $(cat "$dir/reader")"
fi
$weir trace --pack - "$dir/a.wtz" | cmp - "$dir/a.wtz" || complain "packed twice it is another file"

try "packing loses nothing"
cp "$dir/a.trace" "$dir/same.trace"
ln "$dir/same.trace" "$dir/other-name.trace"
$weir trace --pack "$dir/other-name.trace" "$dir/same.trace" 2>"$dir/err" && complain "onto itself"
cmp "$dir/a.trace" "$dir/same.trace" || complain "the recording is gone"
echo precious >"$dir/precious"
$weir trace --pack "$dir/precious" "$0" 2>"$dir/err" && complain "what is no recording"
[ "$(cat "$dir/precious")" = precious ] || complain "OUT was written before FILE was read"
$weir trace --pack "$dir/no/such" "$dir/a.trace" 2>"$dir/err" && complain "no such folder"
[ "$(wc -l <"$dir/err")" -eq 1 ] || complain "$(cat "$dir/err")"
if [ -w /dev/full ]; then
    $weir trace --pack /dev/full "$dir/a.trace" 2>/dev/null && complain "a full disk"
fi

try "a cut file"
# Cut and damaged files. A byte in the middle, and another, each in a record of its own.
size=$(wc -c <"$dir/a.trace")
events=$(wc -l <"$dir/events")
head -c $((size / 2)) "$dir/a.trace" >"$dir/cut.trace"
$weir trace "$dir/cut.trace" >"$dir/text" || complain "a cut file"
grep -q "^  cut short: no footer; at least [0-9,]* of [0-9,]* events are missing" "$dir/text" ||
    grep -q "^  cut short: no footer; what came after event [0-9,]* is missing" "$dir/text" ||
    complain "a cut file: $(cat "$dir/text")"
$weir trace --events "$dir/cut.trace" 2>"$dir/err" | cut -d ' ' -f 1 >"$dir/numbers"
grep -q "cut short" "$dir/err" || complain "events of a cut file: $(cat "$dir/err")"
sort -n -u "$dir/numbers" | cmp -s - "$dir/numbers" || complain "events of a cut file out of order"
cp "$dir/a.trace" "$dir/bad.trace"
printf '\377\377\377' | dd of="$dir/bad.trace" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
$weir trace --events "$dir/bad.trace" >"$dir/some" 2>/dev/null
[ "$(wc -l <"$dir/some")" -lt "$events" ] || complain "no event is lost"
shown "$dir/bad.trace" "$(wc -l <"$dir/some")"
grep -q "^  damaged: [0-9,]* bytes in 1 place, the first at byte [0-9]*: wrong CRC$" "$dir/out" ||
    complain "a damaged file: $(cat "$dir/out")"
printf '\377\377\377' | dd of="$dir/bad.trace" bs=1 seek=$((size / 5)) conv=notrunc 2>/dev/null
$weir trace --events "$dir/bad.trace" >"$dir/some" 2>/dev/null
shown "$dir/bad.trace" "$(wc -l <"$dir/some")"
lost=$((events - $(wc -l <"$dir/some")))
grep -q "^  damaged: .* in 2 places, " "$dir/out" || complain "two places: $(cat "$dir/out")"
tr -d , <"$dir/out" | grep -q "^  incomplete: $lost of $events events are missing$" ||
    complain "$lost of $events are missing: $(cat "$dir/out")"
grep -q "\"events_expected\":$events,\"events_missing\":$lost," "$dir/out.json" ||
    complain "$lost of $events are missing: $(cat "$dir/out.json")"
cat "$dir/a.trace" "$dir/a.trace" >"$dir/two.trace"
shown "$dir/two.trace" "$events"
refused "$dir/none.trace"
refused "$dir"
: >"$dir/empty.trace"
refused "$dir/empty.trace"
refused "$0"
refused --text "$dir/no/such" "$dir/a.trace"
try "bad command lines"
$weir trace >/dev/null 2>&1
[ $? -eq 2 ] || complain "weir trace without a file"
if [ -w /dev/full ]; then
    $weir trace "$dir/a.trace" >/dev/full 2>/dev/null && complain "a full disk under weir trace"
fi

try "killed in the middle"
# Killed in the middle.
: >"$dir/killed.trace"
$record "$dir/killed.trace" forever &
pid=$!
tries=0
while [ "$(wc -c 2>/dev/null <"$dir/killed.trace" || echo 0)" -lt 400000 ] && [ $tries -lt 2000 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -9 $pid
wait $pid 2>/dev/null
$weir trace --json "$dir/killed.trace" | grep -q '"complete":false,.*"footer":false' || complain "killed"
$weir trace "$dir/killed.trace" >"$dir/text" || complain "the trace of a killed program"
grep -q "no footer" "$dir/text" || complain "a killed program has a footer"

try "children of weir run"
# Children of weir run, made by fork: what they inherited is in no list.
if $weir run -o /dev/null -- true >/dev/null 2>&1; then
    $weir run -o /dev/null --record "$dir/f.trace" -- \
        sh -c 'x=$(echo 1; (echo 2)); (unset x; y=3; echo $y); true' >/dev/null || complain "weir run --record"
    $weir trace "$dir/f.trace" | grep ' \(tag\|context\)$' && complain "a table of one row"
    forked=0
    for file in "$dir"/f.trace*; do
        $weir trace "$file" >"$dir/text" 2>&1 || complain "weir trace $file: $(cat "$dir/text")"
        grep -q "^peak: .* equal to the footer's$" "$dir/text" || complain "$file: $(cat "$dir/text")"
        head -n 1 "$dir/text" | grep -q ': process [0-9]*, made by fork: sh -c ' && forked=$((forked + 1))
        $weir trace --json "$file" >"$dir/f.json"
        grep -q '"complete":true,"verified":true,.*"events_missing":0,' "$dir/f.json" ||
            complain "$file: $(cat "$dir/f.json")"
        $weir trace --text "$dir/f.txt" "$file" || complain "weir trace --text $file"
        python3 -c 'import json, zlib' 2>/dev/null || continue
        python3 "$top_srcdir/tests/scripts/trace_reader.py" "$file" >/dev/null || complain "the independent reader"
        python3 - "$dir/f.json" <<'END' || complain "$file: blocks are missing in the tables"
import json, sys
trace = json.load(open(sys.argv[1]))
for at in (trace["peak"], trace["end"]):
    for key in ("by_tag", "by_context", "by_size"):
        for what in ("bytes", "blocks"):
            there = sum(g[what] for g in at[key]) + at[key + "_rest"][what] + at["unlisted"][what]
            assert there == at[what], (key, what, there, at[what])
END
    done
    [ $forked -ge 2 ] || complain "$forked recordings of forked children"
fi

try "weir stats"
$weir stats --demo >"$dir/text" || complain "weir stats"
grep -q "^  model " "$dir/text" || complain "weir stats --demo shows no context"
$weir stats --demo --json >"$dir/stats.json" || complain "weir stats --json"
$weir stats --demo --openmetrics >"$dir/metrics" || complain "weir stats --openmetrics"
[ "$(tail -n 1 "$dir/metrics")" = "# EOF" ] || complain "OpenMetrics without its end"

try "the independent reader agrees"
if python3 -c 'import json, zlib' 2>/dev/null; then
    reader=$top_srcdir/tests/scripts/trace_reader.py
    python3 "$reader" "$dir/a.trace" >"$dir/py" || complain "the independent reader"
    python3 "$reader" "$dir/killed.trace" >/dev/null || complain "the independent reader, killed"
    python3 "$reader" "$dir/bad.trace" >/dev/null 2>&1 && complain "the independent reader accepts damage"
    python3 - "$dir/py" "$dir/json" "$dir/stats.json" "$peak" <<'END' || complain "the readers differ"
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
try "OpenMetrics"
for python in python3 /usr/bin/python3; do
    $python -c 'import prometheus_client.openmetrics.parser' 2>/dev/null || continue
    $python - "$dir/metrics" <<'END' || complain "not OpenMetrics"
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
finish
