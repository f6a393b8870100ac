#!/bin/sh
# What `weir trace` says of a recording beyond its figures: the page, exports, verdicts, two
# recordings side by side; and `weir run --html`. The page is opened in Chromium where it is at
# hand, which finds by weirCheck() that its greatest column is the peak.
set -u
weir="${WEIR_RUNNER-} $top_builddir/weir" # meant to be split into words
record="${WEIR_RUNNER-} $top_builddir/tests/loads/record_program"
. "$top_srcdir/tests/helpers/tap.sh"
dir=$scratch

# Status 1 and one line on standard error that has the pattern $1.
refused()
{
    pattern=$1
    shift
    "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status -eq 1 ] || complain "$*: status $status, not 1"
    [ "$(wc -l <"$dir/err")" -eq 1 ] || complain "$*: $(cat "$dir/err")"
    grep -q "$pattern" "$dir/err" || complain "$*: $(cat "$dir/err")"
}

try "a recording"
peak=$($record "$dir/a.trace") || { complain "recording"; finish; }

try "the answers in 40 lines"
# The answers in 40 lines.
$weir trace "$dir/a.trace" >"$dir/text" || complain "weir trace"
[ "$(wc -l <"$dir/text")" -le 40 ] || complain "the answers take $(wc -l <"$dir/text") lines"
grep -q "peak without it" "$dir/text" || complain "no bill"
grep -q "^lower it: to .*: without layer" "$dir/text" || complain "no ladder"
for by in tag context size thread; do
    $weir trace --by $by --top 0 "$dir/a.trace" | tr -d , |
        awk -v peak="$peak" '
            /^live at the end/ { exit }
            /^  +[0-9]+ +<?[0-9.]+% / { sum += $1 }
            END { exit sum != peak }' || complain "the bill by $by is not the peak"
done
$weir trace --at peak "$dir/a.trace" | tr -d , | head -n 1 | grep -q "($peak bytes)" || complain "--at peak"
$weir trace --at end "$dir/a.trace" >/dev/null || complain "--at end"
refused "no moment" $weir trace --at nowhere "$dir/a.trace"

try "verdicts"
# Verdicts.
$weir trace --fail-above 1G "$dir/a.trace" >/dev/null || complain "the peak is above 1G"
refused "is above" $weir trace --fail-above 1M "$dir/a.trace"
$weir trace --against "$dir/a.trace" --fail-growth 0% "$dir/a.trace" >"$dir/text" || complain "growth of 0"
grep -q "^against .*: +0 bytes$" "$dir/text" || complain "--against itself: $(grep ^against "$dir/text")"
for wrong in "--fail-growth 5%" "--against $dir/a.trace --fail-growth 5" "--by nothing"; do
    $weir trace $wrong "$dir/a.trace" >/dev/null 2>&1
    [ $? -eq 2 ] || complain "weir trace $wrong"
done

try "text traces"
# A text trace of bench/traces has answers, too; it grew against a smaller one.
cat >"$dir/small.trace" <<'END'
# x y events=2 peak_live=1000
a 1 1000 16 0
f 1 0
END
cat >"$dir/large.trace" <<'END'
# x y events=4 peak_live=3000
a 1 1000 16 0
a 2 2000 16 0
f 1 0
f 2 0
END
$weir trace --against "$dir/small.trace" "$dir/large.trace" | grep -q ": +2,000 bytes$" || complain "text traces"
refused "is more than 5% above" $weir trace --against "$dir/small.trace" --fail-growth 5% "$dir/large.trace"

try "the page"
# The page: the same bytes each time, of this peak, from nowhere else.
for file in a small; do
    $weir trace --html "$dir/$file.html" "$dir/$file.trace" || complain "--html"
    $weir trace --html - "$dir/$file.trace" | cmp -s - "$dir/$file.html" || complain "$file: not the same bytes"
    grep -q "://" "$dir/$file.html" && complain "$file.html names another place"
done
grep -q "data-peak=\"$peak\"" "$dir/a.html" || complain "the page has another peak"
$weir trace --html "$dir/b.html" --against "$dir/small.trace" "$dir/large.trace" || complain "--html --against"
grep -q "Against another recording" "$dir/b.html" || complain "nothing is said of the other recording"
head -c 30000 "$dir/a.trace" >"$dir/cut.trace"
$weir trace --html "$dir/cut.html" "$dir/cut.trace" 2>"$dir/err" || complain "--html of a cut file"
grep -q "cut short" "$dir/err" && grep -q "cut short" "$dir/cut.html" || complain "a cut file is not called so"
refused "No such file" $weir trace --html "$dir/no/such/page" "$dir/a.trace"
if [ -w /dev/full ]; then
    refused "/dev/full: No space left" $weir trace --html /dev/full "$dir/a.trace"
    refused "/dev/full: No space left" $weir trace --export perfetto /dev/full "$dir/a.trace"
fi

try "exports"
# Exports.
for kind in pprof perfetto folded csv; do
    $weir trace --export $kind "$dir/a.$kind" "$dir/a.trace" || complain "--export $kind"
    $weir trace --export $kind - "$dir/a.trace" | cmp -s - "$dir/a.$kind" || complain "$kind: not the same bytes"
done
[ "$(awk '{ sum += $NF } END { print sum }' "$dir/a.folded")" -eq "$peak" ] || complain "folded stacks"
$weir trace --export folded - --at end "$dir/a.trace" | cmp -s - "$dir/a.folded" && complain "--at end"
gzip -t "$dir/a.pprof" 2>/dev/null || complain "the profile is no gzip"
if command -v go >/dev/null && go tool pprof -h >/dev/null 2>&1; then
    go tool pprof -top -sample_index=inuse_space "$dir/a.pprof" >"$dir/top" 2>&1 || complain "go tool pprof"
fi

try "weir run --html"
# weir run --html: of the process with the greatest peak; nothing else is left behind.
if $weir run -o /dev/null -- true >/dev/null 2>&1; then
    mkdir "$dir/tmp"
    TMPDIR=$dir/tmp $weir run -o /dev/null --html "$dir/run.html" -- sh -c 'x=$(echo 1); true' 2>"$dir/err" ||
        complain "weir run --html: $(cat "$dir/err")"
    grep -q "^weir run: $dir/run.html is of " "$dir/err" || complain "weir run --html: $(cat "$dir/err")"
    grep -q "data-peak=" "$dir/run.html" || complain "weir run --html made no page"
    [ -z "$(ls "$dir/tmp")" ] || complain "weir run --html leaves $(ls "$dir/tmp")"
fi

try "the page in Chromium"
for chromium in chromium chromium-browser google-chrome; do
    command -v $chromium >/dev/null || continue
    for file in "$dir"/*.html; do
        timeout 60 $chromium --headless --no-sandbox --disable-gpu --dump-dom "file://$file#check" \
            >"$dir/dom" 2>/dev/null || { skip "$chromium does not run here"; break; }
        grep -q 'data-check="true"' "$dir/dom" || complain "$file: weirCheck()"
    done
    break
done
finish
