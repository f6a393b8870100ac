#!/bin/sh
# MobileNetV2 under XNNPACK: the same outputs with weir as with XNNPACK's own
# allocator, nothing left, the same exact figures every round; a limit is a message.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
example=$top_builddir/bench/runtimes/xnnpack_mobilenet
[ -x "$example" ] || skip_all "XNNPACK was not found by configure"

run()
{
    "$example" "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
}

try "the same outputs and figures every round"
run --rounds 3 --runs 2 --image 96
[ $status -eq 0 ] || complain "status $status"
grep -q "^outputs identical to the bit: 3 of 3 rounds" "$scratch/out" || complain "outputs differ"
# Columns 6 to 9 of weir's table: built, blocks, peak, left.
figures=$(awk '/^weir$/ { on = 1 } on && $1 ~ /^[0-9]+$/ { print $6, $7, $8, $9 }' "$scratch/out")
[ "$(echo "$figures" | wc -l)" -eq 3 ] || complain "not three rounds of figures"
[ "$(echo "$figures" | sort -u | wc -l)" -eq 1 ] || complain "figures differ from round to round"
echo "$figures" | awk '$1 <= 0 || $2 <= 0 || $3 < $1 || $4 != 0 { exit 1 }' || complain "figures"
cat "$scratch/out"

try "a limit is a message"
# The exact peak is enough; a byte less is not, and says so.
peak=$(echo "$figures" | awk 'NR == 1 { print $3 }')
run --rounds 1 --runs 1 --image 96 --limit "$peak"
[ $status -eq 0 ] || complain "its own peak does not suffice: status $status"
for limit in $((peak - 1)) $((peak / 2)) 1; do
    run --rounds 1 --runs 1 --image 96 --limit $limit
    [ $status -eq 1 ] && grep -q "does not fit into $limit bytes" "$scratch/err" ||
        complain "limit $limit: status $status"
done
try "a bad command line"
run --rounds 0
[ $status -eq 2 ] || complain "--rounds 0: status $status"
finish
