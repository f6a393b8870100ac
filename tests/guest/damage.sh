#!/bin/sh
# A damaged or cut recording shows all that is good in it, says how many events are missing of
# how many, and is never called complete, least of all when it is of two programs.
# shellcheck disable=SC1083 # braces are words of act.c
. "$(dirname "$0")/lib.sh"
build act.c

# The recordings, once.
if [ -z "${GUEST_CASE:-}" ]; then
    (
        cd "$scratch" || exit 99
        "$weir" run -o /dev/null --record whole -- "$bin/act" threads 3 { t 20000 100 a 500 77 } a 10 10 end exit 0 &&
            "$weir" run -o /dev/null --record other -- "$bin/act" threads 2 { t 20000 300 a 300 99 } t 20000 20 end exit 0
    ) || { echo "not ok the recordings"; exit 1; }
fi
damage()
{
    cp "$scratch/whole" "$scratch/other" .
    "$python" "$guest_dir/damage.py" "$@" || exit $?
}
undamaged()
{
    whole "$scratch/whole"
    trace "$scratch/whole" "events >= 121510"
    "$python" "$top_srcdir/tests/scripts/trace_reader.py" "$scratch/whole" >/dev/null || fail "the independent reader"
}
check "nothing is damaged" undamaged
check "cut anywhere" damage cut
check "the end is cut" damage cut_footer
check "a byte of the events" damage flip
check "a byte of a record's head" damage flip_head
check "a hole of zeros" damage hole
check "records are lost" damage lost
check "a record comes twice" damage twice
check "two programs in one file" damage others
check "any bit" damage random
check "many bytes" damage random_many
check "no recording at all" damage refused
finish
