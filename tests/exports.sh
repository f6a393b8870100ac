#!/bin/sh
# The shared libraries offer exactly what the public headers declare: every
# WEIR_API function of include/weir/*.h, nothing with weir__, nothing else.
set -u
export LC_ALL=C # in Turkish, [A-Z] and [a-z] lack an i

library=$top_builddir/.libs/libweir.so
[ -e "$library" ] || { echo "no shared library was built"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
status=0

# Names in "WEIR_API ... name(", with attribute macros and comments taken out.
declared()
{
    cat "$@" | sed -e 's://.*$::' -e 's/^#.*$//' | tr '\n' ' ' |
        sed -e 's:/\*\([^*]\|\*[^/]\)*\*/: :g' -e 's/WEIR_MALLOC([^)]*)//g' \
            -e 's/WEIR_API/\n&/g' |
        sed -n 's/^WEIR_API[^(;]*[ *]\(weir_[A-Za-z0-9_]*\) *[(;].*/\1/p' | sort -u
}

exported()
{
    $NM -D --defined-only "$1" | sed -n 's/^[0-9a-f]* [A-Z] \([^@]*\).*/\1/p' |
        grep -vx -e 'WEIR_0' | sort -u
}

expect_same()
{
    if ! diff "$scratch/expected" "$scratch/found" >"$scratch/diff"; then
        echo "$1: < declared only, > exported only"
        cat "$scratch/diff"
        status=1
    fi
}

# link.h declares the glue's; configure makes it, among these when it runs in the source.
headers=$(ls "$top_srcdir"/include/weir/*.h | grep -v '/link\.h$')
declared $headers "$top_builddir/include/weir/version.h" >"$scratch/expected"
[ -s "$scratch/expected" ] || { echo "found no declaration at all"; exit 1; }
exported "$library" | grep -v '^__asan\|^__odr_asan' >"$scratch/found"
expect_same libweir.so

glue=$top_builddir/.libs/libweir-jemalloc.so
if [ -e "$glue" ]; then
    printf '%s\n' weir_backing_jemalloc weir_link_jemalloc >"$scratch/expected"
    exported "$glue" | grep -v '^__asan\|^__odr_asan' >"$scratch/found"
    expect_same libweir-jemalloc.so
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
