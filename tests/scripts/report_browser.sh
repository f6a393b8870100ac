#!/bin/sh
# Pages of `weir trace --html` in Chromium (report_browser.py says what is looked for): of a service,
# a leak, names that would be something else to a page, recordings of nothing, of one event, of
# refused requests alone, cut short, damaged, and one against another. `make check-report` opens more.
set -u
weir="${WEIR_RUNNER-} $top_builddir/weir" # meant to be split into words
program="${WEIR_RUNNER-} $top_builddir/tests/loads/report_program"
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "the programs are the browser's, not ours"
command -v python3 >/dev/null || skip_all "no python3"
chromium=
for name in chromium chromium-browser google-chrome; do
    [ -n "$chromium" ] || chromium=$(command -v $name)
done
[ -n "$chromium" ] || skip_all "no chromium"
dir=$scratch

# page NAME: of $dir/NAME.trace, with the peak that `weir trace` says; kept in $pages.
pages=
page()
{
    name=$1
    shift
    $weir trace --html "$dir/$name.html" "$@" "$dir/$name.trace" 2>/dev/null
    status=$?
    [ $status -eq 0 ] || [ $name = damaged ] || complain "$name: status $status"
    peak=$($weir trace --json "$dir/$name.trace" 2>/dev/null | tr -d ' \n' |
        sed 's/.*"peak":{"bytes":\([0-9]*\).*/\1/')
    pages="$pages $dir/$name.html=$peak"
}

try "recordings and their pages"
for kind in service leak hostile refused nothing; do
    peak=$($program "$dir/$kind.trace" $kind) || complain "report_program $kind"
    page $kind
    grep -q "data-peak=\"$peak\"" "$dir/$kind.html" || complain "$kind: not the allocator's own peak"
done
# A header and no events; one event; requests that were refused; and half of a file.
printf '# x y events=1 peak_live=1000\na 1 1000 16 0\n' >"$dir/one.trace"
page one
head -c 3000 "$dir/service.trace" >"$dir/cut.trace"
page cut
{ head -c 20000 "$dir/service.trace"; printf 'xxxx'; tail -c +20005 "$dir/service.trace"; } >"$dir/damaged.trace"
page damaged
cp "$dir/service.trace" "$dir/against.trace"
page against --against "$dir/leak.trace"

try "each in Chromium: no request, no complaint, no scrolling sideways, the exact peak"
timeout 500 python3 "$top_srcdir/tests/scripts/report_browser.py" "$chromium" $pages >"$dir/said" 2>&1
status=$?
sed 's/^/# /' "$dir/said"
case $status in
0) ;;
3) skip "$(cat "$dir/said")" ;;
*) complain "status $status" ;;
esac
finish
