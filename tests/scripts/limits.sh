#!/bin/sh
# A limit that is a part of what the process may have: WEIR_LIMIT and `weir run --limit` take a percentage of the
# control group's limit, in programs that are linked with libweir and in those that are preloaded. Where a mount
# namespace can be had, a folder lies over the group's mount and says what the limit is; else it is the machine's own.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
need_no_runner "the limits are those of this machine"
weir=$top_builddir/weir
unset LD_PRELOAD WEIR_LIMIT WEIR_REPORT WEIR_RECORD 2>/dev/null

cat >"$scratch/linked.c" <<'E'
#include <stdio.h>
#include <weir/weir.h>
int main(void)
{
    weir_stats s = {.size = sizeof s};
    return weir_stats_get(weir_cpu_allocator(), &s) || printf("%zu\n", s.limit) < 0;
}
E
$CC $SANITIZER_FLAGS -I"$top_builddir/include" -I"$top_srcdir/include" -o "$scratch/linked" "$scratch/linked.c" \
    -L"$top_builddir/.libs" -lweir -Wl,-rpath,"$(cd "$top_builddir/.libs" && pwd)" 2>"$scratch/err" || {
    cat "$scratch/err"
    skip_all "no program can be linked with the shared library"
}

# limited WHAT PERCENT BYTES COMMAND...: in a linked program the limit is so many bytes.
limited()
{
    percent=$2 bytes=$3
    try "$1: $2 is $3 bytes"
    shift 3
    expect 0 "$@" env WEIR_LIMIT="$percent" "$scratch/linked"
    [ "$(cat "$scratch/out")" = "$bytes" ] || complain "it is $(cat "$scratch/out")"
    [ ! -s "$scratch/err" ] || complain "said: $(cat "$scratch/err")"
}

try "100% is what the machine has, or less"
# Bytes of the last limit that the machine itself has: 100%.
whole=$(WEIR_LIMIT=100% "$scratch/linked")
memory=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo) * 1024))
[ "$whole" -gt 0 ] && [ "$whole" -le "$memory" ] || complain "100% is $whole of $memory"
limited "here" 50% $((whole / 2))
limited "here" 1000000 1000000

try "what is no limit is told, and none"
for wrong in 0% 101% 1000% 12.5% % -5% 50%x 5%0 '50 %'; do
    expect 0 env WEIR_LIMIT="$wrong" "$scratch/linked"
    said 'WEIR_LIMIT is not a percentage: .*a whole number from 1% to 100%'
    [ "$(cat "$scratch/out")" = 0 ] || complain "$wrong: there is a limit all the same"
    [ "$(wc -l <"$scratch/err")" -eq 1 ] || complain "$wrong: not one line"
done

# The mount of the process's memory controller, and the group's folder below it.
version=2 mount='' group=''
group=$(sed -n 's/^[0-9]*:memory:\(.*\)$/\1/p' /proc/self/cgroup)
if [ -n "$group" ]; then
    version=1 file=memory.limit_in_bytes
    mount=$(sed -n 's/^[0-9]* [0-9]* [^ ]* \/ \([^ ]*\) .* - cgroup [^ ]* .*memory.*$/\1/p' /proc/self/mountinfo | head -1)
else
    file=memory.max
    group=$(sed -n 's/^0::\(.*\)$/\1/p' /proc/self/cgroup)
    mount=$(sed -n 's/^[0-9]* [0-9]* [^ ]* \/ \([^ ]*\) .* - cgroup2 .*$/\1/p' /proc/self/mountinfo | head -1)
fi
private="unshare -m"
[ "$(id -u)" -eq 0 ] || private="unshare -rm"
mkdir -p "$scratch/group$group"
echo 100000000 >"$scratch/group$group/$file"
cat >"$scratch/in" <<'E'
#!/bin/sh
# in FOLDER MOUNT COMMAND...
mount --bind "$1" "$2" || exit 77
shift 2
exec "$@"
E
chmod +x "$scratch/in"
if [ -z "$mount" ] || ! $private "$scratch/in" "$scratch/group" "$mount" true 2>/dev/null; then
    skipped "a control group's limit" "no mount namespace, or no control groups"
    finish
fi
inside="$private $scratch/in $scratch/group $mount"
limited "version $version" 90% 90000000 $inside
limited "version $version" 100% 100000000 $inside
limited "version $version" 1% 1000000 $inside
if [ "${group%/*}" ]; then
    echo 50000000 >"$scratch/group${group%/*}/$file"
    limited "version $version, the group above" 90% 45000000 $inside
    rm "$scratch/group${group%/*}/$file"
fi

# The preloaded library and weir run.
library=$top_builddir/.libs/libweir-malloc.so
if [ -e "$library" ] && [ -z "$SANITIZER_FLAGS" ]; then
    try "the preloaded library and weir run"
    cat >"$scratch/blocks.c" <<'E'
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    size_t n = 0;
    void *last = NULL;
    for (void *block; n < 1000 && (block = malloc(1000000)); n++)
        last = block;
    free(last); /* libgcov dies at the end of a process where malloc has nothing for it */
    return printf("%zu\n", n) < 0;
}
E
    $CC -O0 -fno-builtin -o "$scratch/blocks" "$scratch/blocks.c" || exit 99
    expect 0 $inside env WEIR_LIMIT=90% LD_PRELOAD="$library" "$scratch/blocks"
    [ "$(cat "$scratch/out")" = 89 ] || [ "$(cat "$scratch/out")" = 90 ] ||
        complain "preloaded: $(cat "$scratch/out") blocks of a million bytes in 90000000"
    expect 0 $inside "$weir" run --limit 20% --json -o "$scratch/report" -- "$scratch/blocks"
    [ "$(cat "$scratch/out")" = 19 ] || [ "$(cat "$scratch/out")" = 20 ] ||
        complain "weir run: $(cat "$scratch/out") blocks of a million bytes in 20000000"
    grep -q '"limit": *20000000' "$scratch/report" || complain "the report says another limit"
fi
finish
