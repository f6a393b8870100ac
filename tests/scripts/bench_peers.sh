#!/bin/sh
# `weir bench --peers` with peers of our own making: libraries from a folder, one that crashes and
# hangs in some loads and loses only those, one that is no allocator and is left out; spreads,
# means, the worst load and the goals in the JSON, computed once more from its rows; the groups
# of loads, each exact.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
weir="${WEIR_RUNNER-} $top_builddir/weir" # meant to be split into words
"$top_builddir/weir" bench --help >/dev/null 2>&1 ||
    skip_all "bench starts itself again, which no runner sees"
need_python
trace=$top_srcdir/bench/traces/ort-silero-vad-mempattern.trace.gz

# -- every group, exact ------------------------------------------------------------------

for group in contexts hand-off churn fragmentation 'large threads'; do
    try "group $group: every load, exact"
    expect 0 $weir bench --peers --quick --json --only "$group" --traces "$trace"
    "$python" - "$scratch/out" "$group" <<'END' || complain "$group"
import json, sys
figures = json.load(open(sys.argv[1]))
rows = figures["rows"]
assert rows and {row["group"] for row in rows} == {sys.argv[2]}, rows
for row in rows:
    assert row[row["metric"]] > 0, row
    assert row["target"] != "weir" or row["exact"] is True, row
assert [line["group"] for line in figures["summary"]] == [sys.argv[2]], figures["summary"]
loads = {row["load"] for row in rows}
wanted = {"contexts": ("1 context, 1 thread", "16 contexts, 4 threads"),
          "hand-off": ("producer and consumer, 64 B", "batches round a ring of 4",
                       "64 B dealt out in halves", "512 B dealt out alternately",
                       "server, 8-1000 B", "64 B swapped for ever"),
          "churn": ("100 threads come and go", "256 strings growing to 4 KiB",
                    "blocks of 5-25 MiB, touched", "batches of 1000, 2 threads"),
          "fragmentation": ("an hour of a service, 2 requests a s",
                            "40000 blocks replaced by 8 others in turns",
                            "64 MiB burst, then 0.1 s of sleep", "1 in 16 survives, then 0.1 s"),
          "large threads": ("pairs of 64 KiB, 2 threads", "mix of 64 KiB-1 MiB, 4 threads")}
assert set(wanted[sys.argv[2]]) <= loads, loads
if sys.argv[2] == "fragmentation":
    assert all(row["m60"] > 0 and row["drift"] > 0 for row in rows if "service" in row["load"])
    for row in rows:
        if "sleep" in row["load"]:  # what stays live is resident, and the burst once was
            assert row["idle"] >= 0.9 * row["live"] and row["busy"] > 8 * row["live"], row
END
done

# -- what is wrong is said ----------------------------------------------------------------

try "bad command lines"
expect 2 $weir bench --peers-from "$scratch/none"
said 'none: No such file'
mkdir "$scratch/empty"
: >"$scratch/empty/README"
expect 2 $weir bench --peers-from "$scratch/empty"
said 'empty: no \*.so in this folder'
expect 2 $weir bench --peers --limit 0
said 'number from 1'

[ -z "${WEIR_RUNNER-}${SANITIZER_FLAGS-}" ] || finish # nothing else may be preloaded there

try "peers from a folder"
# -- peers from a folder --------------------------------------------------------------------

mkdir "$scratch/peers"
cat >"$scratch/half.c" <<'END'
#include <stdlib.h>
#include <unistd.h>
void *__libc_malloc(size_t);
void *malloc(size_t n)
{
    if (n == 512)
        abort();
    while (n == 1024)
        pause();
    return __libc_malloc(n);
}
END
echo 'int weir_bench_plain;' >"$scratch/plain.c"
$CC -shared -fPIC -O1 -fno-builtin "$scratch/half.c" -o "$scratch/peers/libhalf.so" &&
    $CC -shared -fPIC "$scratch/plain.c" -o "$scratch/peers/plain.so" || exit 99
echo 'no library' >"$scratch/peers/text.so"
cp "$scratch/peers/libhalf.so" "$scratch/peers/libhalf.so.1" # not a *.so

expect 1 $weir bench --peers-from "$scratch/peers" --quick --runs 3 --limit 10 --json \
    --only 'small, 1' --traces "$trace"
said '^weir bench: plain is left out, .*/plain.so: malloc came from'
said '^weir bench: text is left out, .*/text.so: malloc came from'
said '^weir bench: half: pairs of 512 B: killed by signal 6'
said '^weir bench: half: pairs of 1024 B: hung: no end after 10 s'
[ "$(grep -c '^weir bench: ' "$scratch/err")" -eq 6 ] || complain "other lines: $(cat "$scratch/err")"
"$python" - "$scratch/out" <<'END' || complain "figures of a folder's peers"
import json, math, statistics, sys
figures = json.load(open(sys.argv[1]))
rows, targets = figures["rows"], figures["targets"]
assert "half" in targets and not {"plain", "text"} & set(targets), targets
assert "plain (malloc came from" in figures["left_out"] and "text (" in figures["left_out"]
assert figures["rounds"] == 3
lost = {row["load"] for row in rows if "error" in row}
assert lost == {"pairs of 512 B", "pairs of 1024 B", "mix of 16-527 B", "mix of 16-4096 B"}, lost
assert all(row["target"] == "half" for row in rows if "error" in row)


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)


# each figure and its spread, from the rounds
value = {}
for row in rows:
    if "error" in row:
        assert row["spread"] is None and row["range"] is None, row
        continue
    rounds = row["rounds"][row["metric"]]
    assert len(rounds) == 3, row
    middle = statistics.median(rounds)
    low, _, high = statistics.quantiles(rounds, n=4, method="inclusive")
    assert close(row[row["metric"]], middle), row
    assert close(row["spread"], (high - low) / middle), row
    assert close(row["range"], (max(rounds) - min(rounds)) / middle), row
    value[row["load"], row["target"]] = middle

# the means and the worst load, from the figures
loads = {load for load, _ in value}
best = {load: min(v for (l, _), v in value.items() if l == load) for load in loads}
line, = figures["summary"]
assert line["group"] == "small, 1 thread" and line["loads"] == len(loads) == 11, line
assert set(line["means"]) == set(targets)
for target in targets:
    ratios = [v / best[load] for (load, t), v in value.items() if t == target]
    mean = line["means"][target]
    assert mean["loads"] == len(ratios) == (7 if target == "half" else 11), (target, mean)
    assert close(mean["mean"], math.exp(statistics.fmean(map(math.log, ratios)))), (target, mean)
worst = max(loads, key=lambda load: value[load, "weir"] / best[load])
assert line["worst_load"] == worst and close(line["worst"], value[worst, "weir"] / best[worst]), line
lowest = min(targets, key=lambda target: line["means"][target]["mean"])
assert line["lowest"] == lowest and line["is_lowest"] == (lowest == "weir"), line
assert line["is_even"] == (line["worst"] <= 1.25), line

# the goals: weir over the best of the others
over = [value[load, "weir"] / min(v for (l, t), v in value.items() if l == load and t != "weir")
        for load in loads]
goal = next(goal for goal in figures["goals"] if goal["goal"] == "1 small, geometric mean")
mean = math.exp(statistics.fmean(map(math.log, over)))
assert abs(float(goal["figure"].rstrip("x")) - mean) < 0.00051, (goal, mean)
assert goal["met"] == (mean <= 1), (goal, mean)
END

try "a name that is known"
# A name that is known is taken from the folder; the table says the spread, and who lost a load.
rm "$scratch/peers/plain.so" "$scratch/peers/text.so"
mv "$scratch/peers/libhalf.so" "$scratch/peers/jemalloc.so"
expect 1 $weir bench --peers-from "$scratch/peers" --quick --runs 2 --only 'pairs of 512 B' --traces "$trace"
grep -q "jemalloc  *$scratch/peers/jemalloc.so" "$scratch/out" || complain "not the folder's jemalloc"
grep -Eq '^  pairs of 512 B  +[0-9.]+ +[0-9]+%  +[0-9.]+ +[0-9]+%.*  -  ' "$scratch/out" ||
    complain "no spread, or no missing figure: $(cat "$scratch/out")"
grep -Eq '^  small, 1 thread .* -\* ' "$scratch/out" || complain "no mark at a mean of nothing"
grep -q '^weir is the lowest in [0-9]* of [0-9]* groups' "$scratch/out" ||
    complain "no goals of the summary"
grep -q '^No load of weir is above 1.25x the best in ' "$scratch/out" ||
    complain "no goal of the worst load"

finish
