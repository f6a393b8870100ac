# shellcheck shell=sh
# tests/helpers/expect.sh: tests/helpers/tap.sh, and what scripts share that run a command line and look at what
# it says. Sourced.
. "$top_srcdir/tests/helpers/tap.sh"

# expect STATUS COMMAND...: its output is in $scratch/out and err.
expect()
{
    wanted=$1
    shift
    "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    [ $got -eq "$wanted" ] || {
        complain "status $got, not $wanted: $*"
        show "$scratch/err"
    }
}

# said PATTERN: on standard error.
said()
{
    grep -q "$1" "$scratch/err" || complain "no \"$1\" in: $(cat "$scratch/err")"
}

# printed PATTERN: on standard output.
printed()
{
    grep -q -e "$1" "$scratch/out" || {
        complain "no \"$1\" in:"
        show "$scratch/out"
    }
}

# one_line PATTERN: that is all there is, beside no output.
one_line()
{
    said "$1"
    [ "$(wc -l <"$scratch/err")" -eq 1 ] || complain "not one line: $(cat "$scratch/err")"
    [ ! -s "$scratch/out" ] || complain "output beside the complaint"
}
