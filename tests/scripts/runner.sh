#!/bin/sh
# WEIR_RUNNER='valgrind', 'gdb --args': what tests/helpers/run-tap hands to a runner is the program, with
# its libraries, and not libtool's script around it.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_runner "there is one already"
program=$top_builddir/tests/loads/record_program
[ -f "${program%/*}/.libs/record_program" ] || skip_all "libtool made no script around it"

cat >"$scratch/runner" <<'END'
#!/bin/sh
case $(head -c 4 "$1" | od -An -c | tr -d ' ') in 177ELF) ;; *) echo "not a program: $1"; exit 9 ;; esac
exec "$@"
END
chmod +x "$scratch/runner"
try "the runner gets the program"
WEIR_RUNNER="$scratch/runner" sh "$top_srcdir/tests/helpers/run-tap" "$program" "$scratch/x.wtr" >"$scratch/out"
grep -q '^ok 1 - record_program$' "$scratch/out" || {
    complain "it did not"
    show "$scratch/out"
}
finish
