#!/bin/sh
# The examples: the same scores from C and C++, up to the last digits (the compilers' flags
# may differ), and those of a plain reference; exact statistics;
# no leak; a line for each way an image can be bad.
set -u
cd "$top_builddir" || exit 99
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
run=${WEIR_RUNNER-} # meant to be split into words
data=$top_srcdir/examples/data
status=0
programs=examples/conv2d
[ -x examples/conv2d-cxx ] && programs="$programs examples/conv2d-cxx"

complain()
{
    echo "$*"
    status=1
}

# An odd size, and text instead of bytes.
awk 'BEGIN { print "P2\n# odd\n13 9\n255"; for (i = 0; i < 117; i++) print i * 37 % 256 }' \
    >"$scratch/odd.pgm"
awk 'BEGIN { printf "P5 13 9 255\n"; for (i = 0; i < 117; i++) printf "%c", i * 37 % 95 + 32 }' \
    >"$scratch/bytes.pgm"

for image in "$data/raccoon.pgm" "$data/raccoon.ppm" "$scratch/bytes.pgm"; do
    for program in $programs; do
        $run "$program" --scores "$image" >"$scratch/scores" &&
            $run tests/helpers/conv2d_reference "$image" <"$scratch/scores" ||
            complain "$program: wrong scores for $image"
    done
done
for program in $programs; do
    $run "$program" --scores "$scratch/odd.pgm" >"$scratch/scores.${program##*/}"
done
[ "$(wc -l <"$scratch/scores.conv2d")" -eq 10 ] || complain "not ten scores"
[ ! -x examples/conv2d-cxx ] || paste "$scratch/scores.conv2d" "$scratch/scores.conv2d-cxx" |
    LC_ALL=C awk 'function size(x) { return x < 0 ? -x : x }
        NF != 2 || size($1 - $2) > 1e-5 * (1 + size($1)) { print; bad = 1 }
        END { exit bad || NR != 10 }' || complain "C and C++ differ"

# By hand for 64 x 64 x 1: weights (72 + 1152 + 10 * 4096) floats; at the peak of a run the
# first convolution's output and its pooled half, 8 * (64 * 64 + 32 * 32) floats; at the end 10
# scores; of 10 col_buffers two sizes are new, 9 * 64 * 64 and 72 * 32 * 32 floats in their bins.
for program in $programs; do
    $run "$program" --runs 5 "$data/raccoon.pgm" >"$scratch/out" 2>&1 || complain "$program: status $?"
    for line in "  weights         164.8 KB live in 3 blocks, peak 164.8 KB" \
        "  activations       0.0 KB live in 1 blocks, peak 160.0 KB" \
        "  col_buffer   8 from the pool, 2 new, 432.0 KB idle" "  Delta: 0 MB" "no leaks"; do
        grep -qxF -e "$line" "$scratch/out" || complain "$program does not print: $line"
    done
    [ $status -eq 0 ] || cat "$scratch/out"
done

# The same network from the plan of its first run: the same scores to the bit, nothing
# allocated in any run, and no more memory than the plan's arena. By hand: at the peak, in the
# second convolution, its input (8 * 32 * 32), output (16 * 32 * 32) and col_buffer (72 * 32 * 32).
for image in "$data/raccoon.pgm" "$data/raccoon.ppm" "$scratch/bytes.pgm" "$scratch/odd.pgm"; do
    $run examples/conv2d --scores "$image" >"$scratch/scores"
    $run examples/conv2d --scores --planned "$image" | cmp - "$scratch/scores" ||
        complain "other scores from the plan for $image"
done
$run examples/conv2d --planned --runs 5 "$data/raccoon.pgm" >"$scratch/out" 2>&1 ||
    complain "--planned: status $?"
for line in "plan           7 buffers, 688168 bytes in all, arena 393216, lower bound 393216" \
    "runs           5: 35 places from the plan, 0 other; 0 allocations, peak 393216" \
    "  Delta: 0 MB" "no leaks"; do
    grep -qxF -e "$line" "$scratch/out" || { complain "--planned does not print: $line"; cat "$scratch/out"; }
done

# refused WORDS FILE: one line on standard error that has the words, status 1.
refused()
{
    for program in $programs; do
        $run "$program" "$2" >"$scratch/out" 2>"$scratch/err"
        [ $? -eq 1 ] && [ "$(wc -l <"$scratch/err")" -eq 1 ] && grep -qF "$1" "$scratch/err" ||
            complain "$program $2: $(cat "$scratch/err")"
    done
}
bad=$scratch/bad.pgm
refused "No such file or directory" "$scratch/none.pgm"
refused "Is a directory" "$scratch"
printf 'GIF89a' >"$bad"; refused "neither a PGM nor a PPM" "$bad"
: >"$bad"; refused "neither a PGM nor a PPM" "$bad"
printf 'P5 64' >"$bad"; refused "the header is damaged" "$bad"
printf 'P5 # endless comment' >"$bad"; refused "the header is damaged" "$bad"
printf 'P5 -1 4 255\n' >"$bad"; refused "the header is damaged" "$bad"
printf 'P5 99999999999999999999 4 255\n' >"$bad"; refused "the header is damaged" "$bad"
printf 'P5 0 4 255\n' >"$bad"; refused "0 or over 16384" "$bad"
printf 'P5 16385 4 255\n' >"$bad"; refused "0 or over 16384" "$bad"
printf 'P5 8 8 65536\n' >"$bad"; refused "1 to 65535" "$bad"
printf 'P5 8 8 255\nshort' >"$bad"; refused "ends before the image" "$bad"
printf 'P2 4 4 9\n1 2 3 x' >"$bad"; refused "ends before the image" "$bad"
printf 'P2 4 4 9\n10 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1' >"$bad"; refused "over the greatest" "$bad"
printf 'P2 3 4 9\n1 1 1 1 1 1 1 1 1 1 1 1' >"$bad"; refused "at least 4 x 4" "$bad"

for program in $programs; do
    for arguments in "" "--runs 0 x" "--runs 2x x" "--runs" "--unknown" "a b"; do
        $run $program $arguments >/dev/null 2>"$scratch/err"
        [ $? -eq 2 ] && grep -q '^usage: ' "$scratch/err" || complain "$program $arguments: no usage"
    done
done
exit $status
