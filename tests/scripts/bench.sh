#!/bin/sh
# `weir bench` from outside: a short run whose JSON says that every row is exact, one line and status 1 for a trace that is missing or damaged, status 2
# for a command line that makes no sense.
set -u
weir="${WEIR_RUNNER-} $top_builddir/weir" # meant to be split into words
traces=$top_srcdir/bench/traces
"$top_builddir/weir" bench --help >/dev/null 2>&1 ||
    { echo "bench starts itself again, which no runner sees"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
. "$top_srcdir/tests/helpers/expect.sh"

# -- a short run ------------------------------------------------------------------

cp "$traces"/libtorch-lstm2x256.trace.gz "$traces"/opencv-ppocr-cls-static.trace.gz \
    "$traces"/ort-silero-vad-mempattern.trace.gz "$traces"/xnnpack-mobilenetv2.trace.gz "$scratch" ||
    exit 99

expect 0 $weir bench --quick --json --traces "$scratch"
cp "$scratch/out" "$scratch/figures.json"
[ ! -s "$scratch/err" ] || complain "complaints: $(cat "$scratch/err")"

if command -v python3 >/dev/null; then
    python3 - "$scratch/figures.json" <<'END' || complain "figures"
import json, sys
figures = json.load(open(sys.argv[1]))
rows = figures["rows"]
weir = [row for row in rows if row["target"].startswith("weir")]
bad = [row for row in weir if row.get("exact") is not True]
for row in bad:
    print("not exact:", row["load"], row["target"], row.get("note"), row.get("error"))
for row in rows:
    if "error" in row or not row.get("ns", 0) > 0:
        bad.append(row)
        print("no figure:", row)
loads = {row["load"] for row in rows}
assert len(loads) >= 4 + 2 + 6, loads
assert len(rows) == len(loads) * len(figures["targets"])
assert {"weir", "weir/malloc", "malloc", "design"} <= set(figures["targets"]), figures["targets"]
for row in rows:
    if row["group"] == "traces":
        assert row["events"] >= 300 and row["resident"] > 0 and row["live"] > 1e6, row
live = {row["load"]: row["live"] for row in rows if row["group"] == "traces"}
assert live["libtorch-lstm2x256"] == 11991040, live
looks = figures["calibration"]
assert len(looks["pace_ns"]) == len(looks["elsewhere"]) == figures["rounds"] + 1, looks
assert all(pace > 0 for pace in looks["pace_ns"]) and all(0 <= e < 1 for e in looks["elsewhere"])
loud = max(looks["elsewhere"]) > .05 or max(looks["pace_ns"]) / min(looks["pace_ns"]) > 1.05
assert looks["noisy"] is loud, looks
sys.exit(len(bad) > 0)
END
fi

# Pictures, where there is matplotlib; else one line says that there is none.
plot=$top_srcdir/bench/plot.py
if command -v python3 >/dev/null; then
    if python3 -c 'import matplotlib' 2>/dev/null; then
        expect 0 python3 "$plot" "$scratch/figures.json" "$scratch/figures.svg"
        python3 - "$scratch/figures.svg" <<'END' || complain "the picture"
import sys, xml.dom.minidom
text = xml.dom.minidom.parse(sys.argv[1]).toxml()
assert "<!-- libtorch-lstm2x256 -->" in text and "<!-- weir/malloc -->" in text
END
        echo '{"what": "replay", "rows": []}' >"$scratch/none.json"
        expect 1 python3 "$plot" "$scratch/none.json" "$scratch/none.svg"
        expect 1 python3 "$plot" "$scratch/no-such.json" "$scratch/none.svg"
        one_line 'no-such.json'
    else
        expect 77 python3 "$plot" "$scratch/figures.json" "$scratch/figures.svg"
        one_line 'no matplotlib here (package python3-matplotlib)'
    fi
    expect 2 python3 "$plot"
fi

expect 0 $weir bench --quick --touch=none --only silero --traces "$scratch"
grep -q '^  ort-silero-vad-mempattern .* yes$' "$scratch/out" || complain "no row that ends in yes"
grep -q 'exact in 3 of 3' "$scratch/out" || complain "no closing sentence"
grep -q "$(printf '\033')" "$scratch/out" && complain "colors though this is no terminal"

grep -q '^Calibration, a fixed loop' "$scratch/out" || complain "no word on the noise"
grep -q '^  design: exact statistics as one would write them first' "$scratch/out" ||
    complain "design is not explained"

expect 0 $weir bench --peers --quick --only "pairs of 64 B" --traces "$scratch"
grep -q '^  pairs of 64 B .*x$' "$scratch/out" || complain "no row of --peers"
grep -q '^  1 small, worst case' "$scratch/out" || complain "no goals of --peers"
grep -q "^goals: what weir's authors want of it" "$scratch/out" || complain "goals without a word"

expect 0 $weir bench --threads=2 --quick --json --traces "$scratch"
expect 0 $weir bench --growth --quick --json
expect 0 $weir bench --idle --quick --json

# The figures of docs/internals/performance.md are written in by their commands.
printf 'before\n<!-- run: weir bench --help -->\nold\n<!-- end -->\nafter\n' >"$scratch/page.md"
(cd "$top_builddir" && sh "$top_srcdir/bench/figures.sh" "$scratch/page.md" 2>/dev/null) ||
    complain "figures.sh failed"
grep -q '^usage: weir bench' "$scratch/page.md" || complain "figures.sh wrote no output"
grep -q '^old' "$scratch/page.md" && complain "figures.sh kept the old output"
grep -q '^after' "$scratch/page.md" || complain "figures.sh lost the rest of the page"
printf '<!-- run: weir bench --help -->\n' >"$scratch/page.md"
(cd "$top_builddir" && sh "$top_srcdir/bench/figures.sh" "$scratch/page.md" 2>/dev/null) &&
    complain "figures.sh took a page without an end"

# -- what is wrong is said ------------------------------------------------------------

expect 1 $weir bench "$scratch/none.trace.gz"
one_line 'none.trace.gz: No such file'

printf '# x y events=2 peak_live=9\na 1 9 64 0\nf 2 0\n' >"$scratch/bad.trace"
expect 1 $weir bench "$scratch/bad.trace"
one_line 'bad.trace:3: unknown id 2'

# A block that moves when it is resized is one change: the peak is the trace's own.
awk 'BEGIN { print "# x y events=33 peak_live=13107200"
    print "a 1 100 64 0"; for (n = 100; m < 30; m++) { n = n < 10000000 ? int(n * 3 / 2) : n; print "r 1", n, 0 }
    print "r 1 13107200 0"; print "f 1 0" }' >"$scratch/grows.trace"
expect 0 $weir bench --quick --only grows "$scratch/grows.trace"
grep -q 'exact in 3 of 3' "$scratch/out" || complain "grows: $(cat "$scratch/out" "$scratch/err")"

# Memory that is refused in a later pass: nothing is freed twice.
printf '# x y events=1 peak_live=10\na 1 10 2147483648 0\n' >"$scratch/refused.trace"
if [ -z "${WEIR_RUNNER-}${SANITIZER_FLAGS-}" ]; then
    (ulimit -v 6000000 && exec "$top_builddir/weir" bench --quick --only refused \
        "$scratch/refused.trace") >"$scratch/out" 2>"$scratch/err"
    grep -E 'killed by|foreign pointer' "$scratch/err" >&2 && complain "a block was freed twice"
fi

# Threads of which most sleep.
if [ -z "${WEIR_RUNNER-}${SANITIZER_FLAGS-}" ]; then
    awk 'BEGIN { print "# x y events=1024 peak_live=65536"
        for (i = 1; i <= 1024; i++) print "a", i, 64, 64, i }' >"$scratch/threads.trace"
    expect 0 timeout 120 $weir bench --quick --only threads "$scratch/threads.trace"
fi

mkdir "$scratch/empty"
expect 1 $weir bench --traces "$scratch/empty"
one_line 'no traces in this folder'

expect 2 $weir bench --touch=everything
one_line 'none, page or all'
expect 2 $weir bench --runs 0
one_line 'number from 1'
expect 2 $weir bench --time soon
one_line 'number above 0'
expect 2 $weir bench --only nothing-of-this-name --traces "$scratch/ort-silero-vad-mempattern.trace.gz"
one_line 'nothing-of-this-name'
expect 2 $weir bench --peers --peer wrong
one_line 'NAME=LIBRARY'
expect 2 $weir bench --svg "$scratch/idle.svg"
one_line 'bench/plot.py draws'
expect 2 $weir bench --no-such-option
for way in "bench --help" "bench -h" "help bench"; do
    expect 0 $weir $way
    grep -q -- '--peers' "$scratch/out" || complain "weir $way: no help"
done

exit $failed
