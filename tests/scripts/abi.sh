#!/bin/sh
# The interface is the one that is described in abi/: functions, their versions and types, the layout of every
# struct that a program sees. And what would break programs is reported, in a copy of the headers.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
for tool in abidw abidiff; do
    command -v $tool >/dev/null || skip_all "no $tool here (abigail-tools)"
done
description=$(echo "$top_srcdir"/abi/libweir-*.xml)

# compare: $scratch/include against what is described; the report is in $scratch/report.
compare()
{
    CC=$CC sh "$top_srcdir/abi/describe" "$scratch/include" "$top_builddir/include" "$scratch/src/weir.map" \
        >"$scratch/now.xml" 2>"$scratch/report" || return 2
    abidiff --no-architecture --harmless "$description" "$scratch/now.xml" >"$scratch/report" 2>&1
}

# afresh: the headers as they are.
afresh()
{
    rm -rf "$scratch/include" "$scratch/src" "$scratch/abi"
    mkdir -p "$scratch/include" "$scratch/src"
    cp -r "$top_srcdir/include/weir" "$scratch/include" && cp -r "$top_srcdir/abi" "$scratch" &&
        cp "$top_srcdir/src/weir.map" "$scratch/src"
    chmod -R u+w "$scratch/include" "$scratch/src" "$scratch/abi"
}

# reported WHAT FILE EDIT PATTERN: the break is planted in FILE, and the report says PATTERN.
reported()
{
    try "$1 is reported"
    afresh
    sed "$3" "$scratch/$2" >"$scratch/edited"
    ! cmp -s "$scratch/edited" "$scratch/$2" || { complain "$1: nothing was planted in $2"; return; }
    cp "$scratch/edited" "$scratch/$2"
    compare
    status=$?
    if [ $status -eq 0 ]; then
        complain "not noticed"
    elif ! grep -q "$4" "$scratch/report"; then
        complain "status $status, and no \"$4\" is said:"
        show "$scratch/report"
    fi
}

try "the interface is the one that is described"
[ -s "$description" ] || complain "not one description: $description"
afresh
compare || {
    complain "the interface is not the one in $description (make abi-update renews it; ChangeLog tells users):"
    show "$scratch/report"
}

reported "a field in the middle of a struct" include/weir/arena.h \
    's/^    size_t requested;.*/    size_t requested_before;\n&/' weir_arena_stats
reported "a field's type" include/weir/profile.h 's/^    ptrdiff_t delta;/    int delta;/' weir_profiler_stats
reported "a value in the middle of an enum" include/weir/tensor.h 's/^    WEIR_INT8,/    WEIR_FLOAT8,\n&/' weir_dtype
reported "a parameter's type" include/weir/background.h 's/(unsigned period_ms)/(uint64_t period_ms)/' weir_background_start
reported "a result's type" include/weir/allocator.h 's/int weir_set_limit(/int64_t weir_set_limit(/' weir_set_limit
reported "a function that is gone" src/weir.map '/^    weir_trim;/d' weir_trim
reported "a function of another version" src/weir.map 's/^WEIR_0\.2 /WEIR_0.7 /' weir_allocate

try "abi/update describes what is new and forgets what went"
# A new function is listed and described by what `make abi-update` runs, and one that went is not any more.
afresh
sed 's/^WEIR_API void weir_background_stop(void)/WEIR_API void weir_new(void)/' "$scratch/include/weir/background.h" \
    >"$scratch/edited" && cp "$scratch/edited" "$scratch/include/weir/background.h"
CC=$CC sh "$scratch/abi/update" "$scratch" "$top_builddir/include" "abi/${description##*/}" ||
    complain "abi/update failed"
compare
grep -q 'weir_new' "$scratch/report" || complain "not noticed: a new function"
description=$scratch/abi/${description##*/}
compare || complain "what abi/update wrote is not what it read"
! grep -q weir_background_stop "$scratch/src/weir.map" "$description" || complain "a function that went is still listed"
finish
