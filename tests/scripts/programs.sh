#!/bin/sh
# check-programs: its oracle and weir agree on programs whose figures are known, and on a
# few that are everywhere; a false figure and a false output are seen.
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "a sanitizer brings a malloc of its own"; exit 77; }
[ -e "$top_builddir/.libs/libweir-malloc.so" ] || { echo "no libweir-malloc.so was built"; exit 77; }
python=$(command -v /usr/bin/python3 || command -v python3) || { echo "no python3 here"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failures=0

passed() { echo "passed: $1"; }
failed() { echo "FAILED: $1"; sed 's/^/  /' "$scratch/out" "$scratch/err"; failures=$((failures + 1)); }

programs() { "$python" "$top_srcdir/tests/programs/check-programs" "$@" >"$scratch/out" 2>"$scratch/err"; }

# json WHAT CONDITION: of the rows d by name.
json()
{
    if "$python" -c "import json, sys
d = {row['program']: row for row in json.load(open('$scratch/rows'))['programs']}
sys.exit(not ($2))" 2>>"$scratch/err"; then passed "$1"; else failed "$1"; fi
}

programs --weir "$top_builddir/weir" --json "$scratch/rows" --only 'exact-*,true,sort,sed-in-place,tar,dash'
if [ $? -eq 0 ]; then passed "the same, with equal peaks"; else failed "the same, with equal peaks"; fi
json "the figures are those of the sources" "
    d['exact-aligned']['peak_oracle'] == 1234000 and d['exact-fork']['peak_oracle'] == 2500000 and
    d['exact-exit']['status'] == '9' and all(row['images'] >= 1 for row in d.values())"

# A weir that lies about the peak, and one that eats a line.
cat >"$scratch/liar" <<END
#!/bin/sh
"$top_builddir/weir" "\$@"
status=\$?
while [ \$# -gt 0 ] && [ "\$1" != -o ]; do shift; done
case \$2 in */probe.report) ;; *) sed -i 's/"peak_bytes":\([0-9]*\)/"peak_bytes":1\1/g' "\$2" ;; esac
exit \$status
END
cat >"$scratch/eater" <<END
#!/bin/sh
case \$* in *probe.report*) exec "$top_builddir/weir" "\$@" ;; esac
"$top_builddir/weir" "\$@" | tail -n +2
END
chmod +x "$scratch/liar" "$scratch/eater"
programs --weir "$scratch/liar" --json "$scratch/rows" --only exact-blocks
if [ $? -eq 1 ]; then passed "a false peak is seen"; else failed "a false peak is seen"; fi
json "and said" "'peak' in d['exact-blocks']['open']"
programs --weir "$scratch/eater" --json "$scratch/rows" --only exact-exit
if [ $? -eq 1 ]; then passed "a false output is seen"; else failed "a false output is seen"; fi
json "and a false status" "{'weir stdout', 'weir status', 'record stdout'} <= set(d['exact-exit']['open'])"

programs --only nonexistent
if [ $? -eq 2 ]; then passed "no such program"; else failed "no such program"; fi
programs --list
if [ "$(wc -l <"$scratch/out")" -ge 100 ]; then passed "a hundred programs at least"; else failed "a hundred programs at least"; fi
exit $((failures > 0))
