#!/bin/sh
# `weir plan`: tables in, offsets, pictures and JSON out; every bad row named by its line.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
weir="${WEIR_RUNNER-} $top_builddir/weir" # meant to be split into words
plans="$top_srcdir/bench/plans"
dir=$scratch

# reject NAME TEXT PATTERN: the table is refused with one line that matches.
reject()
{
    try "refused: $1"
    printf "$2" >"$dir/$1.csv"
    if $weir plan "$dir/$1.csv" >"$dir/out" 2>"$dir/err"; then
        complain "it was accepted"
    fi
    [ "$(wc -l <"$dir/err")" -eq 1 ] || complain "$(wc -l <"$dir/err") lines of complaint"
    grep -q "$dir/$1.csv:$3" "$dir/err" || complain "said \"$(cat "$dir/err")\", not \"$3\""
}

head="id,lower,upper,size\n"
reject negative "${head}a,0,1,5\nb,0,1,-5\n" '3: size -5 is negative'
reject empty_life "${head}a,3,3,5\n" '2: lifetime \[3, 3) is empty'
reject overflow "${head}a,0,1,99999999999999999999\n" '2: size .* does not fit'
reject too_large "${head}a,0,1,9223372036854775807\n" '2: size .* too great'
reject missing_column "id,lower,size\na,0,5\n" '1: column "upper" is missing'
reject short_row "${head}a,0,1\n" '2: 3 fields where the header has 4'
reject long_row "${head}a,0,1,2,3\n" '2: 5 fields where the header has 4'
reject duplicate "${head}a,0,1,5\nb,0,1,5\n\na,2,3,5\n" '5: id "a" is there twice'
reject no_number "${head}a,0,x,5\n" '2: upper "x" is no whole number'
reject unknown "id,lower,upper,size,color\n" '1: no meaning for a column "color"'
reject twice "id,lower,upper,size,size\n" '1: column "size" is there twice'
reject nothing "" '0: no header'
reject no_id "${head},0,1,5\n" '2: the id is empty'
reject alignment "id,lower,upper,size,alignment\na,0,1,5,3\n" '2: alignment 3 is no power of two'
reject misplaced "id,lower,upper,size,alignment,offset\na,0,1,5,8,4\n" '2: .*against its alignment'

try "variants of tables"
# Variants: columns in any order, TelaMalloc's inclusive end, fixed offsets, gzip, no last newline.
printf 'size,end,buffer_id,start\r\n10, 1,x,0\r\n20,2,y,1\r\n' >"$dir/tela.csv"
$weir plan -o "$dir/tela.out" "$dir/tela.csv" >"$dir/out" || complain "TelaMalloc's columns"
grep -q '^y,1,3,20,1,' "$dir/tela.out" || complain "an inclusive end: $(cat "$dir/tela.out")"
printf 'id,lower,upper,size,offset\na,0,4,10,\nb,1,3,10,30' >"$dir/fixed.csv"
$weir plan -o "$dir/fixed.out" "$dir/fixed.csv" >"$dir/out" || complain "fixed offsets"
grep -q '^b,1,3,10,1,30$' "$dir/fixed.out" || complain "the fixed offset: $(cat "$dir/fixed.out")"
$weir plan "$dir/fixed.out" >/dev/null || complain "its own output"
if gzip -c "$dir/tela.csv" >"$dir/tela2.csv.gz" 2>/dev/null; then
    $weir plan "$dir/tela2.csv.gz" >"$dir/gz" 2>"$dir/err" || complain "gzip: $(cat "$dir/err")"
fi

try "offsets are an arrangement"
# Offsets are an arrangement: checked by awk, pair by pair.
$weir plan -o "$dir/a.csv" --svg "$dir/a.svg" "$plans/challenging/A.1048576.csv" >"$dir/out" ||
    complain "challenging A"
awk -F, 'NR > 1 { n++; l[n] = $2; u[n] = $3; s[n] = $4; o[n] = $6 }
END {
    for (i = 1; i <= n; i++) {
        if (o[i] + s[i] > 1048576) exit 1
        for (j = 1; j < i; j++)
            if (l[i] < u[j] && l[j] < u[i] && o[i] < o[j] + s[j] && o[j] < o[i] + s[i]) exit 1
    }
    exit n != 154
}' "$dir/a.csv" || complain "the offsets of challenging A"
try "a page"
printf 'id,lower,upper,size\nconv<1>,0,2,4096\nrelu,1,3,2048\npool,2,4,1024\nend,3,4,16\n' >"$dir/page.csv"
$weir plan --html "$dir/page.html" "$dir/page.csv" >/dev/null || complain "weir plan --html"
tail -1 "$dir/page.html" | grep -q '</html>$' || complain "the page ends early"
grep -q '<svg .*role="img"' "$dir/page.html" || complain "no picture on the page"
grep -q '<title>page.csv: a memory plan</title>' "$dir/page.html" || complain "a page without a title"
grep -q '^<h2>What binds the lower bound</h2>' "$dir/page.html" || complain "no word of what binds"
grep -q '^<tr><td>conv&lt;1&gt;</td><td class="n">4,096</td><td class="n">66.7 %</td>' "$dir/page.html" ||
    complain "the greatest that binds: $(grep '<tr>' "$dir/page.html")"
[ "$(grep -c '^<tr><td>' "$dir/page.html")" -eq 2 ] || complain "who binds: $(grep '<tr>' "$dir/page.html")"
grep -q 'prefers-color-scheme:dark' "$dir/page.html" || complain "no dark page"
grep -q 'src=\|href=\|<script' "$dir/page.html" && complain "the page wants something else"
$weir plan --html "$dir/page.html" "$dir/page.csv" "$dir/page.csv" 2>/dev/null
[ $? -eq 2 ] || complain "a page of two files"
if [ -w /dev/full ]; then
    $weir plan --html /dev/full "$dir/page.csv" >/dev/null 2>&1 && complain "a full disk"
fi

try "pictures"
[ "$(grep -c '<rect x=' "$dir/a.svg")" -eq 154 ] || complain "boxes in the picture"
tail -1 "$dir/a.svg" | grep -q '^</svg>$' || complain "the picture ends early"
grep -q 'role="img"' "$dir/a.svg" && grep -q '^<title>A.1048576.csv: a memory plan</title>' "$dir/a.svg" ||
    complain "a picture without a name"
grep -q 'prefers-color-scheme:dark' "$dir/a.svg" || complain "no dark picture"
printf 'id,lower,upper,size\nconv1/out,0,2,40\nconv2/out,1,4,60\nrelu<3>,2,5,30\nrelu4,3,6,10\n' >"$dir/classes.csv"
$weir plan --svg "$dir/classes.svg" "$dir/classes.csv" >/dev/null || complain "a picture of classes"
[ "$(grep -c '<rect.* class="m"' "$dir/classes.svg")" -eq 2 ] || complain "who binds the bound: $(grep '<rect' "$dir/classes.svg")"
grep -q '<title>relu&lt;3&gt;: 30 bytes at ' "$dir/classes.svg" || complain "the name of a box"
[ "$(grep -o 'fill="#8dc4e8"' "$dir/classes.svg" | wc -l)" -eq 3 ] || complain "the color of conv and its legend"
grep -q '>time, as the table counts it<' "$dir/classes.svg" || complain "a picture without a title of x"
if command -v python3 >/dev/null; then
    python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$dir/classes.svg" || complain "no XML"
fi

try "a directory, JSON, what does not fit"
# A table of a directory; JSON; what does not fit; comparison.
$weir plan "$plans/networks" >"$dir/out" || complain "a directory"
[ "$(grep -c '1\.0000.*optimal' "$dir/out")" -eq 8 ] || complain "networks: $(cat "$dir/out")"
grep -q '^  geometric mean, networks .* 1\.0000$' "$dir/out" || complain "no geometric mean"
$weir plan --json --compare --budget 1 "$plans/networks/unet_512.csv" >"$dir/out" || complain "--json"
grep -q '"optimal":true.*"compare":{"naive":3\.4375' "$dir/out" || complain "JSON: $(cat "$dir/out")"
$weir plan --capacity 1000 --budget 1 "$plans/networks/unet_512.csv" >"$dir/out" 2>"$dir/err" &&
    complain "a capacity out of reach gave status 0"
grep -q 'DOES NOT FIT' "$dir/out" || complain "no word on the capacity"
$weir plan --budget nonsense x.csv 2>/dev/null && complain "a budget of nonsense"
$weir plan "$dir/not-there.csv" >/dev/null 2>"$dir/err" && complain "a file that is not there"
grep -q 'not-there.csv: No such file' "$dir/err" || complain "not there: $(cat "$dir/err")"

try "names in JSON"
# Names in JSON: well-formed, whatever they are. UTF-8 stays, other bytes become U+FFFD.
if command -v python3 >/dev/null; then
    name=$(printf 'b\303\244d\377\001"')
    cp "$dir/fixed.csv" "$dir/$name.csv"
    $weir plan --json "$dir/$name.csv" >"$dir/out" || complain "a strange name"
    python3 - "$dir/out" <<'END' || complain "JSON of a strange name: $(cat "$dir/out")"
import json, sys
said = json.loads(open(sys.argv[1], "rb").read().decode())["file"]
assert said.endswith('/b\u00e4d\ufffd\x01".csv'), ascii(said)
END
fi

# The documents hold what the command prints: the classical planners, whose columns no budget changes.
columns()
{
    awk -F'|' '/^\| / { print $2, $3, $5, $7, $8, $9, $10, $11, $12, $13 }' "$@"
}
try "the documents hold what the command prints"
$weir plan --compare --markdown --budget 1 "$plans/challenging" "$plans/networks" >"$dir/table" ||
    complain "--markdown"
columns "$dir/table" >"$dir/now"
[ "$(wc -l <"$dir/now")" -eq 24 ] || complain "--markdown: $(cat "$dir/table")"
columns "$top_srcdir/docs/results/planner.md" >"$dir/documented"
grep -v -x -F -f "$dir/documented" "$dir/now" >"$dir/stale" && complain "docs/results/planner.md lacks $(cat "$dir/stale")"
# One table, in one place.
for page in "$plans/README.md" "$top_srcdir/docs/internals/planner.md" "$top_srcdir/docs/guide/planning.md"; do
    grep -q '^| .*geometric mean' "$page" && complain "$page has a table of results too"
done

# Profiles: columns of sizes, each with a line of its own; offsets hold for all of them.
try "profiles"
printf 'id,lower,upper,size:short,size:long\na,0,2,10,40\nb,1,3,30,20\nc,2,4,10,90\n' >"$dir/shapes.csv"
$weir plan -o "$dir/shapes.out" "$dir/shapes.csv" >"$dir/out" || complain "profiles"
grep -q '^  shapes.csv  *3  *120  *120 ' "$dir/out" || complain "the plan of all profiles: $(cat "$dir/out")"
grep -q '^    short  *3  *[0-9]*  *40 .* profile' "$dir/out" || complain "no line for a profile"
grep -q '^    long  *3  *120  *110  *1\.0909 .* profile$' "$dir/out" || complain "the profile \"long\""
grep -q '^b,1,3,30,1,' "$dir/shapes.out" || complain "the greatest size: $(cat "$dir/shapes.out")"
$weir plan --json "$dir/shapes.csv" | grep -q '"file":"  long","buffers":3,"arena":120,' || complain "profiles as JSON"
reject profile_twice "id,lower,upper,size:a,size:a\n" '1: profile "a" is there twice'
reject profile_unnamed "id,lower,upper,size:\n" '1: a profile without a name'
reject profile_negative "id,lower,upper,size,size:a\nx,0,1,5,-5\n" '2: size -5 is negative'

try "random programs and repairs"
# Random programs, the same for the same seed; a repair after changes, near the plan it mends.
for i in 1 2; do
    $weir plan --generate 3000:40 --budget 1 --seed 5 -o "$dir/random$i.csv" >/dev/null || complain "--generate"
done
cmp -s "$dir/random1.csv" "$dir/random2.csv" || complain "the same seed gave another program"
[ "$(wc -l <"$dir/random1.csv")" -eq 3001 ] || complain "rows of a random program"
$weir plan --generate 3000:40 --budget 20 --changes 4 --json >"$dir/out" || complain "--changes"
awk '
{
    match($0, /"ratio":[0-9.]*/); ratio[NR] = substr($0, RSTART + 8, RLENGTH - 8) + 0
    match($0, /"work":[0-9]*/); work[NR] = substr($0, RSTART + 7, RLENGTH - 7) + 0
}
END { exit !(NR == 2 && ratio[2] < ratio[1] + 0.02 && work[2] * 10 <= work[1]) }' "$dir/out" ||
    complain "the repair: $(cat "$dir/out")"
for bad_size in 0 -5 10:0 10:11 x 10:x; do
    $weir plan --generate "$bad_size" >/dev/null 2>"$dir/err" && complain "--generate $bad_size"
    grep -q 'wants N or N:LIVE' "$dir/err" || complain "--generate $bad_size: $(cat "$dir/err")"
done

try "what has no end is not read to it"
# What has no end is not read to it.
if [ -z "${WEIR_RUNNER-}${SANITIZER_FLAGS-}" ] && [ -c /dev/zero ]; then
    # shellcheck disable=SC3045 # dash and bash have it
    (ulimit -v 1000000 && exec "$top_builddir/weir" plan /dev/zero) >/dev/null 2>"$dir/err" &&
        complain "/dev/zero is a plan"
    grep -q 'a byte 0 in the text' "$dir/err" || complain "/dev/zero: $(cat "$dir/err")"
fi

try "the same seed, the same bytes"
# The same seed, the same bytes.
for i in 1 2; do
    $weir plan --seed 3 --budget 30 -o "$dir/seed$i.csv" "$plans/challenging/D.1048576.csv" >/dev/null
done
cmp -s "$dir/seed1.csv" "$dir/seed2.csv" || complain "the same seed gave another plan"

# Lifetimes from a recorded trace: the bound is the peak that the trace says. A trace is known by
# what is in it, whatever it is called.
try "lifetimes from a trace"
trace="$top_srcdir/bench/traces/libtorch-lstm2x256.trace.gz"
cp "$trace" "$dir/renamed" || exit 99
for file in "$trace" "$dir/renamed"; do
    $weir plan --json "$file" >"$dir/out" || complain "a trace: $file"
    grep -q '"lower_bound":11991040' "$dir/out" || complain "the trace $file: $(cat "$dir/out")"
done
mkdir "$dir/recorded"
if peak=$(${WEIR_RUNNER-} "$top_builddir/tests/loads/record_program" "$dir/recorded/x.wtr"); then
    cp "$dir/recorded/x.wtr" "$dir/recording"
    for file in "$dir/recorded" "$dir/recording"; do
        $weir plan --json "$file" >"$dir/out" || complain "a recording: $file"
        grep -q "\"lower_bound\":$peak," "$dir/out" || complain "not the recording's peak $peak: $(cat "$dir/out")"
    done
else
    complain "recording"
fi

finish
