#!/bin/sh
# ggml over weir's blocks (bench/runtimes/ggml_mlp.c). No package at hand has ggml's
# headers beside its libraries, so a release of its sources, as the npm package
# smart-whisper (MIT) ships them, is fetched and compiled once, into the cache. Run by
# `make check-runtimes`; 77 where it cannot be fetched.
set -u
package=smart-whisper@0.8.1
[ -z "$SANITIZER_FLAGS" ] || { echo "ggml is not built with the sanitizer"; exit 77; }
cache=${WEIR_CACHE:-${HOME:?}/.cache/weir}/ggml-$package
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

if [ ! -f "$cache/libggml.a" ]; then
    command -v npm >/dev/null || { echo "npm is missing, which fetches ggml's sources"; exit 77; }
    (cd "$scratch" && npm pack --silent --fetch-retries=1 $package >/dev/null && tar -xzf ./*.tgz) ||
        { echo "npm could not fetch $package"; exit 77; }
    sources=$scratch/package/whisper.cpp/ggml
    echo "compiling ggml"
    for name in ggml ggml-alloc ggml-backend ggml-quants ggml-aarch64; do
        $CC -w -std=gnu11 -O2 -march=native -D_GNU_SOURCE -DNDEBUG -I"$sources/include" \
            -I"$sources/src" -c "$sources/src/$name.c" -o "$scratch/$name.o" || exit 1
    done
    mkdir -p "$cache" && cp -r "$sources/include" "$cache/" &&
        ar rcs "$scratch/libggml.a" "$scratch"/ggml*.o && mv "$scratch/libggml.a" "$cache/" || exit 1
fi

(cd "$top_builddir" && MAKEFLAGS= "$MAKE" -s GGML_CFLAGS="-I$cache/include" \
    GGML_LIBS="$cache/libggml.a -lm" bench/runtimes/ggml_mlp) || exit 1
"$top_builddir/bench/runtimes/ggml_mlp" 40 >"$scratch/out"
status=$?
cat "$scratch/out"
[ $status -eq 0 ] && grep -q "^outputs identical: 40 of 40 runs" "$scratch/out" &&
    grep -q "^left 0 bytes in 0 blocks" "$scratch/out"
