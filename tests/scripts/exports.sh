#!/bin/sh
# The shared libraries offer exactly what the public headers declare: every
# WEIR_API function of include/weir/*.h, nothing with weir__, nothing else; each under the version
# that src/weir.map gives it.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
export LC_ALL=C # in Turkish, [A-Z] and [a-z] lack an i

library=$top_builddir/.libs/libweir.so
[ -e "$library" ] || skip_all "no shared library was built"

names()
{
    sed 's/.*[ *]\(weir_[A-Za-z0-9_]*\)(.*/\1/' | sort -u
}

exported()
{
    $NM -D --defined-only "$1" | sed -n 's/^[0-9a-f]* [A-Z] \([^@]*\).*/\1/p' |
        grep -vx 'WEIR_[0-9.]*' | sort -u
}

expect_same()
{
    try "$3"
    if ! diff "$scratch/expected" "$scratch/found" >"$scratch/diff"; then
        complain "$1: < declared only, > $2 only"
        show "$scratch/diff"
    fi
}

sh "$top_srcdir/abi/declarations" "$top_srcdir/include" "$top_builddir/include" | names >"$scratch/expected"
try "headers declare"
[ "$(wc -l <"$scratch/expected")" -gt 100 ] || complain "found hardly a declaration"
exported "$library" | grep -v '^__asan\|^__odr_asan' >"$scratch/found"
expect_same libweir.so exported "libweir.so offers what headers declare"

map=$top_srcdir/src/weir.map
sed -n 's/^ *\([A-Za-z_][^ ;]*\);$/\1/p' "$map" >"$scratch/all" # a pattern is among them too
sort -u "$scratch/all" >"$scratch/found"
expect_same src/weir.map listed "src/weir.map lists what headers declare (make abi-update renews it)"
[ "$(sort "$scratch/all" | uniq -d | wc -l)" -eq 0 ] || complain "named twice"

# Each name under its node: "weir_x@@WEIR_0.2".
awk '/^WEIR_/ { node = $1 } /^ *weir_/ { print $1 "@@" node }' "$map" | tr -d ';' | sort >"$scratch/expected"
$NM -D --defined-only "$library" | sed -n 's/.* [A-Z] \(weir_.*\)/\1/p' | sort >"$scratch/found"
expect_same libweir.so exported "each name has the version that src/weir.map gives it"

glue=$top_builddir/.libs/libweir-jemalloc.so
if [ -e "$glue" ]; then
    printf '%s\n' weir_backing_jemalloc weir_link_jemalloc >"$scratch/expected"
    exported "$glue" | grep -v '^__asan\|^__odr_asan' >"$scratch/found"
    expect_same libweir-jemalloc.so exported "libweir-jemalloc.so offers two names"
fi

# Room for thread-local data in a process that has already started is scarce:
# 1664 bytes with glibc 2.36, for all late libraries together.
tls=$(readelf -lW "$library" | awk '$1 == "TLS" { print $6 }')
try "little thread-local data"
[ $((${tls:-0})) -le 1024 ] ||
    complain "libweir.so has $((tls)) bytes of thread-local data; at most 1024 can be loaded late"

# Neither library may bring another's malloc along.
try "no library brings a malloc along"
for file in "$library" "$glue"; do
    [ -e "$file" ] || continue
    if readelf -d "$file" | grep -q 'NEEDED.*\(jemalloc\|stdc++\)'; then
        complain "$file depends on a library it must not:"
        readelf -d "$file" | grep NEEDED
    fi
done
finish
