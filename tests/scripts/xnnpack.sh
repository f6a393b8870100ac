#!/bin/sh
# MobileNetV2 under XNNPACK: the same outputs with weir as with XNNPACK's own
# allocator, nothing left, the same exact figures every round; a limit is a message.
set -u
example=$top_builddir/bench/runtimes/xnnpack_mobilenet
[ -x "$example" ] || { echo "XNNPACK was not found by configure"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failures=0

fail()
{
    echo "FAILED: $*"
    sed 's/^/  /' "$scratch/out" "$scratch/err"
    failures=$((failures + 1))
}

run()
{
    "$example" "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
}

run --rounds 3 --runs 2 --image 96
[ $status -eq 0 ] || fail "status $status"
grep -q "^outputs identical to the bit: 3 of 3 rounds" "$scratch/out" || fail "outputs differ"
# Columns 6 to 9 of weir's table: built, blocks, peak, left.
figures=$(awk '/^weir$/ { on = 1 } on && $1 ~ /^[0-9]+$/ { print $6, $7, $8, $9 }' "$scratch/out")
[ "$(echo "$figures" | wc -l)" -eq 3 ] || fail "not three rounds of figures"
[ "$(echo "$figures" | sort -u | wc -l)" -eq 1 ] || fail "figures differ from round to round"
echo "$figures" | awk '$1 <= 0 || $2 <= 0 || $3 < $1 || $4 != 0 { exit 1 }' || fail "figures"
cat "$scratch/out"

# The exact peak is enough; a byte less is not, and says so.
peak=$(echo "$figures" | awk 'NR == 1 { print $3 }')
run --rounds 1 --runs 1 --image 96 --limit "$peak"
[ $status -eq 0 ] || fail "its own peak does not suffice: status $status"
for limit in $((peak - 1)) $((peak / 2)) 1; do
    run --rounds 1 --runs 1 --image 96 --limit $limit
    [ $status -eq 1 ] && grep -q "does not fit into $limit bytes" "$scratch/err" ||
        fail "limit $limit: status $status"
done
run --rounds 0
[ $status -eq 2 ] || fail "--rounds 0: status $status"
exit $((failures > 0))
