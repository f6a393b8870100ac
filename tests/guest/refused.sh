#!/bin/sh
# Calls that libweir-malloc stands in front of refuse what they refuse without it, and take the rest.
. "$(dirname "$0")/lib.sh"
build refused.c -ldl
if [ -z "${GUEST_CASE:-}" ]; then
    printf 'int main(void) { return 5; }\n' >"$scratch/alone.c"
    $CC -static -o "$bin/alone" "$scratch/alone.c" 2>/dev/null || rm -f "$bin/alone"
fi

refused()
{
    alone=
    [ ! -e "$bin/alone" ] || alone=$bin/alone
    echo "no program" >text
    # shellcheck disable=SC2086 # or no word
    "$bin/refused" $alone >plain.out 2>plain.err || fail "plain: status $?"
    # shellcheck disable=SC2086
    watch "$@" -- "$bin/refused" $alone >watched.out 2>watched.err || fail "watched: status $?"
    same "answers" plain.out watched.out
    [ "$(wc -l <plain.out)" -gt 200 ] || fail "only $(wc -l <plain.out) lines"
}
WEIR_GUARDS=100
export WEIR_GUARDS
check "watched, with guarded blocks" refused
check "recorded, with stacks" refused --record F
finish
