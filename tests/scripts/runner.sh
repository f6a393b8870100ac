#!/bin/sh
# WEIR_RUNNER='valgrind', 'gdb --args': what tests/helpers/run-tap hands to a runner is the program, with
# its libraries, and not libtool's script around it.
set -u
[ -z "${WEIR_RUNNER-}" ] || { echo "a runner is there already"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
program=$top_builddir/tests/loads/record_program
[ -f "${program%/*}/.libs/record_program" ] || { echo "libtool made no script around it"; exit 77; }

cat >"$scratch/runner" <<'END'
#!/bin/sh
case $(head -c 4 "$1" | od -An -c | tr -d ' ') in 177ELF) ;; *) echo "not a program: $1"; exit 9 ;; esac
exec "$@"
END
chmod +x "$scratch/runner"
WEIR_RUNNER="$scratch/runner" sh "$top_srcdir/tests/helpers/run-tap" "$program" "$scratch/x.wtr" >"$scratch/out"
cat "$scratch/out"
grep -q '^ok 1 - record_program$' "$scratch/out"
