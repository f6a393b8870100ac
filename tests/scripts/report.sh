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
$weir trace --by tag "$dir/a.trace" >"$dir/text" || complain "weir trace"
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

try "recordings of little, old ones, those of another machine"
program="${WEIR_RUNNER-} $top_builddir/tests/loads/report_program"
for kind in refused nothing hostile; do
    peak=$($program "$dir/$kind.trace" $kind) || complain "report_program $kind"
    $weir trace --html "$dir/$kind.html" "$dir/$kind.trace" || complain "$kind: --html"
    $weir trace "$dir/$kind.trace" >"$dir/text" || complain "$kind: weir trace"
    grep -q "data-peak=\"$peak\"" "$dir/$kind.html" || complain "$kind: the page has another peak"
done
grep -q "100.* were refused" "$dir/refused.html" || complain "no word of what was refused"
grep -q "<script>document" "$dir/hostile.html" && complain "a name is a script"
LC_ALL=C grep -q "$(printf '\377')" "$dir/hostile.html" && complain "a name that is no UTF-8 is in the page"
$weir trace "$dir/hostile.trace" | LC_ALL=C grep -q "$(printf '\033')" && complain "a name steers the terminal"
# The version stands behind eight bytes, two numbers of two bytes.
put() { { head -c "$1" "$3"; printf "$2"; tail -c +$(($1 + 3)) "$3"; } >"$4"; }
put 10 '\0\0' "$dir/a.trace" "$dir/old.trace"
$weir trace --html "$dir/old.html" "$dir/old.trace" || complain "format 1.0"
grep -q "data-peak" "$dir/old.html" || complain "format 1.0 has no page"
put 8 '\0\001' "$dir/a.trace" "$dir/swapped.trace"
refused "trace format 256" $weir trace --html "$dir/swapped.html" "$dir/swapped.trace"
[ ! -e "$dir/swapped.html" ] || complain "a page of a file that was not read"

try "programs that are stripped, changed, gone: no wrong name"
cat >"$dir/named.c" <<'END'
#include <stdlib.h>
void *volatile kept;
__attribute__((noinline)) static void wanted_by_name(size_t n) { kept = malloc(n); __asm__ volatile("" ::: "memory"); }
#ifdef CHANGED
__attribute__((noinline)) static void another_name(size_t n) { wanted_by_name(n / 2); __asm__ volatile("" ::: "memory"); }
#endif
int main(int argc, char **argv)
{
    (void)argv;
#ifdef CHANGED
    another_name(10);
#endif
    wanted_by_name(5000000u + (unsigned)argc);
    return 0;
}
END
# page_of PATTERN: what the page says; names come from the file as it is now.
page_of()
{
    $weir trace --html "$dir/named.html" "$dir/named.trace" || complain "$1: --html"
    grep -q "$1" "$dir/named.html" || complain "the page does not say: $1"
}
if ! $CC -O1 -Wl,--build-id -o "$dir/named" "$dir/named.c" 2>/dev/null; then
    skip "no compiler with build ids"
elif ! $weir run -o /dev/null --record "$dir/named.trace" -- "$dir/named" >/dev/null 2>&1; then
    skip "weir run does not run here"
else
    page_of "wanted_by_name"
    cp "$dir/named" "$dir/whole"
    if strip "$dir/named" 2>/dev/null; then
        page_of "named (stripped"
        grep -q "wanted_by_name" "$dir/named.html" && complain "a stripped file gives a name"
    fi
    $CC -O1 -DCHANGED -Wl,--build-id -o "$dir/named" "$dir/named.c"
    page_of "changed since the recording"
    grep -q "wanted_by_name\|another_name" "$dir/named.html" && complain "a changed file gives a name"
    rm "$dir/named"
    page_of "named (not there"
    mv "$dir/whole" "$dir/named"
    page_of "wanted_by_name"
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
    for file in "$dir"/a.html "$dir"/b.html "$dir"/cut.html; do
        timeout 400 $chromium --headless --no-sandbox --disable-gpu --dump-dom "file://$file#check" \
            >"$dir/dom" 2>/dev/null || { skip "$chromium does not run here"; break; }
        grep -q 'data-check="true"' "$dir/dom" || complain "$file: weirCheck()"
    done
    break
done
finish
