#!/bin/sh
# The shared libraries offer exactly what the public headers declare: every
# WEIR_API function of include/weir/*.h, nothing with weir__, nothing else; each under the version
# that src/weir.map gives it.
set -u
export LC_ALL=C # in Turkish, [A-Z] and [a-z] lack an i

library=$top_builddir/.libs/libweir.so
[ -e "$library" ] || { echo "no shared library was built"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
status=0

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
    if ! diff "$scratch/expected" "$scratch/found" >"$scratch/diff"; then
        echo "$1: < declared only, > $2 only"
        cat "$scratch/diff"
        status=1
    fi
}

sh "$top_srcdir/abi/declarations" "$top_srcdir/include" "$top_builddir/include" | names >"$scratch/expected"
[ "$(wc -l <"$scratch/expected")" -gt 100 ] || { echo "found hardly a declaration"; exit 1; }
exported "$library" | grep -v '^__asan\|^__odr_asan' >"$scratch/found"
expect_same libweir.so exported

map=$top_srcdir/src/weir.map
sed -n 's/^ *\([A-Za-z_][^ ;]*\);$/\1/p' "$map" >"$scratch/all" # a pattern is among them too
sort -u "$scratch/all" >"$scratch/found"
expect_same src/weir.map listed
[ "$(sort "$scratch/all" | uniq -d | wc -l)" -eq 0 ] || { echo "src/weir.map: named twice"; status=1; }
[ "$status" -eq 0 ] || echo "make abi-update renews src/weir.map"

# Each name under its node: "weir_x@@WEIR_0.2".
awk '/^WEIR_/ { node = $1 } /^ *weir_/ { print $1 "@@" node }' "$map" | tr -d ';' | sort >"$scratch/expected"
$NM -D --defined-only "$library" | sed -n 's/.* [A-Z] \(weir_.*\)/\1/p' | sort >"$scratch/found"
expect_same libweir.so exported

glue=$top_builddir/.libs/libweir-jemalloc.so
if [ -e "$glue" ]; then
    printf '%s\n' weir_backing_jemalloc weir_link_jemalloc >"$scratch/expected"
    exported "$glue" | grep -v '^__asan\|^__odr_asan' >"$scratch/found"
    expect_same libweir-jemalloc.so exported
fi

# Room for thread-local data in a process that has already started is scarce:
# 1664 bytes with glibc 2.36, for all late libraries together.
tls=$(readelf -lW "$library" | awk '$1 == "TLS" { print $6 }')
if [ $((${tls:-0})) -gt 1024 ]; then
    echo "libweir.so has $((tls)) bytes of thread-local data; at most 1024 can be loaded late"
    status=1
fi

# Neither library may bring another's malloc along.
for file in "$library" "$glue"; do
    [ -e "$file" ] || continue
    if readelf -d "$file" | grep -q 'NEEDED.*\(jemalloc\|stdc++\)'; then
        echo "$file depends on a library it must not:"
        readelf -d "$file" | grep NEEDED
        status=1
    fi
done
exit $status
