#!/bin/sh
# Names that changed: each old one of the table in ChangeLog still compiles, the compiler says the new one, no
# header, document or example has it, and with WEIR_NO_OLD_NAMES it is gone.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
export LC_ALL=C
flags="-Wall -Wextra -I$top_builddir/include -I$top_srcdir/include"

try "the table of ChangeLog"
# "OLD NEW" of each line; a field of a struct (with a dot) has no old name to compile.
awk '/^        old  *new$/ { on = 1; next } on && /^$/ { exit } on { sub(/^ */, ""); split($0, side, /  +/); sub(/\(.*/, "", side[1]); sub(/[ (].*/, "", side[2])
        print side[1], side[2] }' "$top_srcdir/ChangeLog" | grep -v '\.' >"$scratch/table"
rows=$(wc -l <"$scratch/table")
[ "$rows" -ge 30 ] || complain "only $rows names in ChangeLog's table"

while read -r old new; do
    try "$old is $new"
    grep -qrw "$new" "$top_srcdir/include/weir" || complain "no header has $new, the new name of $old"
    [ "$old" = "$new" ] && continue # its arguments changed
    grep -qrw "$old" "$top_srcdir/include/weir" --include='*.h' --exclude=old_names.h --include='*.hpp' &&
        complain "a header still has $old"
    (cd "$top_srcdir" && grep -rlw "$old" README.md CONTRIBUTING.md docs --exclude=python.md examples adapters bench tools src) |
        while read -r file; do echo "$file"; done >"$scratch/left"
    [ -s "$scratch/left" ] && complain "$old is still in $(tr '\n' ' ' <"$scratch/left")"
    # A type or a function: either way sizeof or its address compiles.
    printf '#include <weir/weir.h>\nint main(void)\n{\n    return sizeof(%s *) == 0;\n}\n' "$old" >"$scratch/type.c"
    printf '#include <weir/weir.h>\nint main(void)\n{\n    return (void *)%s == 0;\n}\n' "$old" >"$scratch/function.c"
    if $CC $flags -c "$scratch/type.c" -o "$scratch/o" 2>"$scratch/err" ||
        $CC $flags -c "$scratch/function.c" -o "$scratch/o" 2>"$scratch/err"; then
        grep -q "deprecated.*$new" "$scratch/err" || complain "$old: the compiler does not say $new"
    else
        complain "$old does not compile any more"
    fi
    ! $CC $flags -DWEIR_NO_OLD_NAMES -c "$scratch/type.c" -o "$scratch/o" 2>/dev/null &&
        ! $CC $flags -DWEIR_NO_OLD_NAMES -Werror=implicit-function-declaration -c "$scratch/function.c" \
            -o "$scratch/o" 2>/dev/null || complain "$old is there with WEIR_NO_OLD_NAMES"
done <"$scratch/table"

# They do what they did, figures that had no size among them.
cat >"$scratch/old.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static bool stop(const weir_leak *leak, void *user)
{
    (void)leak;
    return ++*(int *)user == 2;
}

int main(void)
{
    weir_profiler p;
    weir_profile now;
    weir_leaks leaks;
    weir_trace_status status;
    int seen = 0;
    memset(&now, 0xa5, sizeof now);
    memset(&leaks, 0xa5, sizeof leaks);
    memset(&status, 0xa5, sizeof status);
    uint64_t checkpoint = weir_checkpoint(NULL);
    void *blocks[3];
    if (weir_profiler_start(&p, NULL))
        return 1;
    for (int i = 0; i < 3; i++)
        blocks[i] = weir_allocate(weir_cpu_allocator(), 100);
    if (weir_profiler_read(&p, &now) || now.delta != 300 || weir_profiler_report(&p, "old"))
        return 2;
    if (weir_leaks_since(NULL, checkpoint, &leaks, stop, &seen) || leaks.bytes != 300 || seen != 2)
        return 3;
    if (weir_trace_read(&status) || status.recording)
        return 4;
    for (int i = 0; i < 3; i++)
        weir_deallocate(weir_cpu_allocator(), blocks[i]);
    return weir_profiler_stop(&p);
}
END
try "they do what they did"
for compiler in "$CC -std=c11" "$CXX -x c++ -std=c++17"; do
    $compiler $flags -Wno-deprecated-declarations -c "$scratch/old.c" -o "$scratch/old.o" &&
        "$top_builddir/libtool" --quiet --tag=CC --mode=link $CC -g $SANITIZER_FLAGS "$scratch/old.o" -o "$scratch/old" \
            "$top_builddir/libweir.la" &&
        expect 0 ${WEIR_RUNNER-} "$scratch/old"
done
finish
