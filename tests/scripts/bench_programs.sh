#!/bin/sh
# bench/programs.py: a peer from a folder, one that fails in a program and loses it, the means and the
# spread computed once more from the rows of its JSON, and one line for a wrong command line.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
need_preload
need_python

programs()
{
    "$python" "$top_srcdir/bench/programs.py" "$@"
}

try "bad command lines"
expect 2 programs --peers-from "$scratch/none" "$library"
one_line 'none: No such file'
mkdir "$scratch/peers"
expect 2 programs --peers-from "$scratch/peers" "$library"
one_line 'no \*.so in this folder'
expect 2 programs --with nobody "$library"
one_line 'not nobody'
expect 2 programs --only nothing "$library"
one_line '^programs.py: --only knows'

try "a program that ends is left out, figures are computed"
cat >"$scratch/ends.c" <<'END'
#include <stdlib.h>
void *__libc_malloc(size_t);
void *malloc(size_t n)
{
    static size_t calls;
    if (++calls > 3000)
        abort();
    return __libc_malloc(n);
}
END
echo 'int weir_bench_plain;' >"$scratch/plain.c"
$CC -shared -fPIC -O1 -fno-builtin "$scratch/ends.c" -o "$scratch/peers/libends.so" &&
    $CC -shared -fPIC "$scratch/plain.c" -o "$scratch/peers/plain.so" || exit 99
expect 1 programs --rounds 3 --only python --with '' --peers-from "$scratch/peers" --json "$scratch/json" "$library"
grep -q '^ends: python: status -6' "$scratch/out" || complain "not said: $(cat "$scratch/out")"
"$python" - "$scratch/json" <<'END' || complain "figures: $(cat "$scratch/out")"
import json, statistics, sys
figures = json.load(open(sys.argv[1]))
rows = {row["allocator"]: row for row in figures["rows"]}
assert set(rows) == {"glibc", "plain", "ends", "weir"}, rows
assert "error" in rows["ends"] and not any("error" in rows[a] for a in ("glibc", "plain", "weir"))
for figure in ("seconds", "peak_kib"):
    good = {a: row[figure] for a, row in rows.items() if "error" not in row}
    summary = figures["summary"][figure]
    assert set(summary["means"]) == set(good), summary
    for a, value in good.items():  # of one program
        assert abs(summary["means"][a]["mean"] - value / min(good.values())) < 1e-9, (figure, a)
    assert abs(summary["worst"] - good["weir"] / min(good.values())) < 1e-9, summary
    assert summary["worst_program"] == "python"
assert all(rows[a]["runs"] == 3 and rows[a]["spread"] >= 0 for a in ("glibc", "plain", "weir")), rows
END
finish
