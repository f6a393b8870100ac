# shellcheck shell=sh
# tests/helpers/expect.sh: what scripts share that run a command line and look at what it says. Sourced;
# `scratch` is a folder of the script's own. At the end: exit $failed.
failed=0

complain()
{
    echo "FAILED: $*" >&2
    # shellcheck disable=SC2034 # the sourcing scripts read it
    failed=1
}

# expect STATUS COMMAND...: its output is in $scratch/out and err.
expect()
{
    wanted=$1
    shift
    "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    [ $got -eq "$wanted" ] || {
        complain "status $got, not $wanted: $*"
        cat "$scratch/err" >&2
    }
}

# said PATTERN: on standard error.
said()
{
    grep -q "$1" "$scratch/err" || complain "no \"$1\" in: $(cat "$scratch/err")"
}

# one_line PATTERN: that is all there is, beside no output.
one_line()
{
    said "$1"
    [ "$(wc -l <"$scratch/err")" -eq 1 ] || complain "not one line: $(cat "$scratch/err")"
    [ ! -s "$scratch/out" ] || complain "output beside the complaint"
}
