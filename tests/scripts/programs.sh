#!/bin/sh
# check-programs: its oracle and weir agree on programs whose figures are known, and on a
# few that are everywhere; a false figure and a false output are seen.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_preload
need_python

tell() { passed_or_failed "$1" "$2" "$scratch/out" "$scratch/err"; }
programs() { "$python" "$top_srcdir/tests/programs/check-programs" "$@" >"$scratch/out" 2>"$scratch/err"; }

# json WHAT CONDITION: of the rows d by name.
json()
{
    if "$python" -c "import json, sys
d = {row['program']: row for row in json.load(open('$scratch/rows'))['programs']}
sys.exit(not ($2))" 2>>"$scratch/err"; then passed "$1"; else failed "$1" "$scratch/out" "$scratch/err"; fi
}

programs --weir "$top_builddir/weir" --json "$scratch/rows" --only 'exact-*,true,sort,sed-in-place,tar,dash'
[ $? -eq 0 ]
tell $? "the same, with equal peaks"
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
[ $? -eq 1 ]
tell $? "a false peak is seen"
json "and said" "'peak' in d['exact-blocks']['open']"
programs --weir "$scratch/eater" --json "$scratch/rows" --only exact-exit
[ $? -eq 1 ]
tell $? "a false output is seen"
json "and a false status" "{'weir stdout', 'weir status', 'record stdout'} <= set(d['exact-exit']['open'])"

programs --only nonexistent
[ $? -eq 2 ]
tell $? "no such program"
programs --list
[ "$(wc -l <"$scratch/out")" -ge 100 ]
tell $? "a hundred programs at least"
finish
